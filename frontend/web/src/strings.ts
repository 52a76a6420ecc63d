/** Every word the page says. A translation is another object of this type. */

/** A problem in words. People search for its code in the documentation, so a code never changes. */
export interface Problem {
  /** null: the text is no problem. */
  code: string | null;
  text: string;
}

const en = {
  title: "Talk to Moshi",
  lead: "A conversation, not a dictation: Moshi listens while it talks.",
  conversation: "Conversation",
  none: "–",

  // Buttons.
  controls: "Controls of the conversation",
  connect: "Connect",
  connectAgain: "Connect again",
  disconnect: "Hang up",
  cancel: "Cancel",
  tryNow: "Try now",
  resume: "Go on",
  mute: "Mute",
  unmute: "Unmute",
  holdToTalk: "Hold to talk",
  holding: "On air",
  settings: "Settings",
  close: "Close",
  copy: "Copy",
  copied: "Copied",
  openSettings: "Open settings",
  test: "Test mic",
  endTest: "End test",

  // States: a title, and a sentence with the reason or the next step.
  idle: { title: "Ready when you are", detail: "Press Connect and speak." },
  insecureOpen: "Open this one instead:",
  insecureEnable:
    "This service serves plain HTTP here. If you run it, turn HTTPS on: start it with make run LAN=1, or set",
  insecureThen: "Then open this address with https:// and the same port.",
  insecureProxy: "If a proxy in front of it serves HTTPS, open the proxy’s address.",
  idleFull: {
    title: "All places are taken",
    detail: "Press Connect to wait: you will be connected as soon as one is free.",
  },
  looking: { title: "One moment", detail: "Checking whether the service is ready." },
  insecureElse: "On the computer that runs the service, localhost works too.",
  microphone: {
    title: "May Moshi hear you?",
    detail: "Your browser asks for the microphone. Your voice goes to this service only, and nowhere else.",
  },
  connecting: { title: "Connecting", detail: "Reaching the model." },
  connectingAgain: { title: "Connecting again", detail: "This will be a new conversation: Moshi forgot the last one." },
  untrustedLink: "Open the model’s address",
  untrustedSteps: "Accept the warning there and come back: this page goes on by itself.",
  starting: { title: "The model is starting", detail: (phase: string) => `${phase}.` },
  startingProgress: "Start of the model",
  phases: {
    resolve: "Looking for the model",
    download: "Downloading the model",
    load: "Loading the model",
    "warm-up": "Warming up",
  } as Readonly<Record<string, string>>,
  queued: {
    title: (position: number) => (position === 1 ? "You are next" : `Number ${position} in the queue`),
    detail: "All places are taken. You will be connected as soon as one is free; keep this page open.",
    estimate: (wait: string) => `About ${wait} to go.`,
    bound: (most: string) => `Up to ${most} to go, often less.`,
    both: (wait: string, most: string) => `About ${wait} to go, ${most} at most.`,
    notify: "Notify me",
  },
  yourTurn: { title: "Your turn", detail: "The microphone is live: Moshi hears you now." },
  prefill: { title: "Getting into the role", detail: "Moshi takes on the voice and the role that you picked." },
  prefillProgress: "Voice and role",
  live: { title: "Live", detail: "Speak whenever you like." },
  muted: { title: "Muted", detail: "Moshi hears silence. The conversation goes on." },
  pushToTalk: {
    title: "Live, hold to talk",
    detail: "Moshi hears you while you hold the button or, with shortcuts on, the space bar.",
  },
  attempt: (number: number) => `Attempt ${number}`,
  inTime: (duration: string) => `in ${duration}`,
  hungUp: { code: null, text: "You hung up." },
  codeHint: "The code of this message. The page Troubleshooting of the documentation explains it.",
  ended: { title: (duration: string) => `Ended after ${duration}` },
  failed: { title: "That did not work" },
  newConversation: "A new conversation: Moshi does not remember what was said before the connection was lost.",

  // Problems and their remedies. errors.toml has the cause and the remedy of each code.
  problems: {
    insecure: {
      code: "page-insecure",
      title: "This address is not secure",
      detail: "Browsers give the microphone to secure pages only.",
    },
    untrusted: {
      code: "certificate-not-accepted",
      title: "Certificate not accepted",
      detail: "Your browser does not reach the model. Most likely it does not know its certificate yet.",
    },
    unreachable: {
      code: "model-not-reached",
      title: "Waiting for the model",
      detail: "It does not answer yet. This page goes on by itself as soon as it does.",
    },
    modelDraining: {
      code: "model-draining",
      title: "The model is shutting down",
      detail: "This page goes on by itself when it is back.",
    },
    interrupted: {
      code: "sound-interrupted",
      title: "Interrupted",
      detail: "Another app or a call has taken the sound. Press Go on when it is over.",
    },
    serviceGone: {
      code: "page-service-gone",
      title: "The service does not answer",
      detail: "It may be stopped or restarting. This page looks again every second.",
    },
    modelDown: {
      code: "model-down",
      title: "The model does not run",
    },
    busy: { code: "places-taken", title: "All places are taken" },
    reconnecting: {
      code: "connecting-again",
      title: "Connection lost",
      detail: "Trying again. It will be a new conversation: Moshi will not remember this one.",
    },
    warnings: {
      session: { code: "time-nearly-up", text: "Time is nearly up: this conversation ends" },
      idle: { code: "no-sound-arrives", text: "No sound arrives from you: the service hangs up" },
      draining: { code: "service-stops", text: "The service stops or restarts: this conversation ends" },
    },

    offline: {
      code: "device-offline",
      text: "This device has no network. The conversation goes on if it is back within seconds; otherwise a new one begins.",
    },
    brokenSound: {
      server: {
        code: "service-overloaded",
        text: "The service is overloaded: its answers come late and in pieces. Fewer conversations at once would help.",
      },
      network: {
        code: "network-bad",
        text: "The connection is bad: sound comes late and in pieces. Better Wi-Fi or a cable may help.",
      },
    },
    copyFailed: { code: "copy-not-allowed", text: "The browser refused the copy. Select the figures and copy them." },

    microphoneDenied: {
      code: "microphone-denied",
      text: "The browser may not use the microphone. Allow it beside the address bar, then try again.",
    },
    microphoneNotPassedOn: {
      code: "microphone-not-passed-on",
      text: 'The page around this one does not pass the microphone on. Its frame needs allow="microphone".',
    },
    microphoneUnsupported: {
      code: "microphone-unsupported",
      text: "This browser gives pages no microphone. Open this address in Chrome, Firefox or Safari.",
    },
    microphoneMissing: {
      code: "microphone-not-found",
      text: "No microphone was found. Plug one in, then try again.",
    },
    microphoneBusy: {
      code: "microphone-busy",
      text: "The microphone could not be opened. End other programs that use it, or choose another in the settings.",
    },
    microphoneOther: (name: string) => ({
      code: "microphone-failed",
      text: `The microphone could not be opened (${name}). Choose another in the settings, or try another browser.`,
    }),
    audioFailed: {
      code: "audio-not-loaded",
      text: "This browser could not load the audio code. Reload the page, or try another browser.",
    },
    audioBroke: (detail: string) => ({
      code: "audio-stopped",
      text: `The audio code stopped. ${detail} Connect again, or try another browser.`,
    }),
    steps: {
      microphone: {
        code: "microphone-not-started",
        text: "The microphone does not start. Plug it in again, or choose another one in the settings.",
      },
      speaker: {
        code: "speaker-not-started",
        text: "The sound output does not start. Check that a speaker or headphones are connected, then try again.",
      },
      code: {
        code: "audio-code-not-loaded",
        text: "The audio code did not load. Check the connection to the service, then reload the page.",
      },
      worker: {
        code: "audio-worker-not-started",
        text: "The audio worker did not start. Reload the page, or try another browser.",
      },
      codec: {
        code: "audio-codec-not-loaded",
        text: "The audio codec did not load. Reload the page, or try another browser.",
      },
    },
    noConfig: { code: "service-not-answering", text: "The service does not answer. Is it running?" },
    modelFailed: (detail: string) => ({ code: "model-not-started", text: `The model could not be started: ${detail}` }),
    refusedSetting: (reason: string) => ({
      code: "setting-refused",
      text: `The service refused a setting: ${reason}. Change it, or go back to the defaults.`,
    }),
    finished: { code: "conversation-over", text: "The conversation is over." },
    goingAway: { code: "service-shutting-down", text: "The service is shutting down." },
    full: { code: "all-places-taken", text: "All places are taken." },
    tooSlow: { code: "connection-too-slow", text: "This connection is too slow for a conversation." },
    notAllowed: { code: "address-not-accepted", text: "The service does not accept this page's address." },
    lost: { code: "connection-lost", text: "The connection was lost or refused. Is the service running?" },
    modelLost: { code: "model-lost", text: "The service lost the model." },
    nothingHeard: { code: "nothing-heard", text: "No sound arrived from you for too long." },
    closed: (code: number) => ({ code: "connection-closed", text: `The service closed the connection (${code}).` }),
    /** Seen after the Back button has brought the page back as it was. */
    pageLeft: {
      conversation: { code: "page-left", text: "You left this page, which ended the conversation." },
      attempt: {
        code: "page-left-before",
        text: "You left this page before the conversation began. Connect again to start one.",
      },
    },
    noSoundHint: { code: "no-sound", text: "Nothing comes from your microphone. Is it off, or the wrong one?" },
    devices: {
      gone: { code: "device-gone", text: "The chosen device is gone; the system’s default is used." },
      replaced: { code: "microphone-replaced", text: "The microphone was unplugged; another one is used now." },
      failed: { code: "device-not-opened", text: "That device could not be opened; the one before is still in use." },
      slow: { code: "speaker-silent", text: "The chosen speaker does not answer; the system’s default is used." },
      unlisted: {
        code: "devices-not-listed",
        text: "The browser does not list its microphones and speakers. Reload the page.",
      },
    },
    noMicrophone: {
      missing: {
        code: "no-microphone-left",
        text: "No microphone is left, so Moshi hears silence. Plug one in: it is used at once.",
      },
      denied: {
        code: "microphone-permission-lost",
        text: "The browser no longer allows the microphone, so Moshi hears silence. Allow it beside the address bar.",
      },
      stopped: {
        code: "microphone-stopped",
        text: "The microphone stopped, so Moshi hears silence. Plug it in again, or choose another one.",
      },
    },
    settingWrong: (least: string, most: string, whole: boolean) => ({
      code: "setting-out-of-range",
      text: `Takes ${whole ? "a whole number" : "a number"} from ${least} to ${most}.`,
    }),
    notRecorded: {
      full: {
        code: "recordings-full",
        text: "This tab has no room for another recording, so this conversation is not recorded. Save the earlier ones.",
      },
      failed: {
        code: "recorder-not-loaded",
        text: "This conversation is not recorded: the browser did not load the recorder. Reload the page.",
      },
    },
    recordingFull: { code: "recording-full", text: "The recording is full; what came later is not in it." },
    saveFailed: { code: "file-not-made", text: "The file could not be made. Nothing was saved." },
  },

  // Both sides.
  you: "You",
  moshi: "Moshi",
  activity: {
    off: "Not connected",
    opening: "Opening the microphone",
    testing: "Say something",
    tested: "We can hear you",
    waiting: "Not heard yet",
    speaking: "Speaking",
    silent: "Silent",
    heard: "Moshi hears you",
    listening: "Listening to you",
    muted: "Muted",
    mutedSpeaking: "You speak, but you are muted",
    noSound: "No sound from the microphone",
    noMicrophone: "No microphone",
    interrupted: "Interrupted",
  },
  chooseMicrophone: "Choose another",

  demo: "The demo is a 3 MB model with about a dozen sentences. It hears when you talk, but it does not understand your words.",
  headphones: "Use headphones: without them Moshi may hear itself.",

  // Voice and role.
  voice: "Voice",
  voiceNone: "As it comes",
  voiceDefault: (id: string) => `Default (${id})`,
  role: "Role",
  roleNone: "None",
  roleOwn: "Write your own",
  roleText: "What Moshi should be",
  roleExample: "You are a patient chess teacher. Your name is Lena.",
  roleCost: (tokens: number, most: number, about: boolean) =>
    `Takes ${about ? "about " : ""}${tokens} of ${most} tokens. With a longer role, Moshi forgets sooner what is said.`,
  inVoice: (id: string) => `Voice ${id}`,

  // Captions.
  captions: "What Moshi says",
  captionsEmpty:
    "Moshi’s words appear here as it speaks. Your own are not written down: the model only listens to them.",
  newCaptions: "Latest",
  divider: "New conversation",

  // Files to save.
  save: "Save",
  saveText: "Transcript as text",
  saveJson: "Transcript as JSON",
  saveVtt: "Transcript as subtitles (VTT)",
  saveRecording: { wav: "Recording as WAV", opus: "Recording as Opus" },
  recordingHas: (duration: string) => `${duration} recorded, you left, Moshi right.`,
  recordingNone: "Switch on recording in the settings before you connect to keep the sound too.",
  privacy: "Words and recordings stay in this tab. They are gone when you close or reload it: save what you need.",
  earlier: {
    title: "Earlier conversations",
    hint: (conversations: number, minutes: number) =>
      `This tab keeps the last ${conversations} and ${minutes} minutes of sound. Recordings that you saved make room for new ones.`,
    noWords: "Without words",
    saved: "Saved",
    unsaved: "Not saved",
  },

  // Settings.
  sound: "Sound",
  microphoneLabel: "Microphone",
  speakerLabel: "Speaker",
  systemDefault: "System default",
  deviceUnnamed: (number: number) => `Device ${number}`,
  devicesAfter: "The browser shows the names of devices once you have allowed the microphone.",
  deviceAway: "Chosen, not plugged in",
  speakerFixed: "This browser always uses the system’s speaker.",
  echo: "Echo cancellation",
  echoes: {
    on: "on",
    off: "off. Use headphones, or Moshi hears itself",
    weak: "on, but weak in this browser. Headphones are better",
    unknown: "known once you are connected",
  },
  pushToTalkLabel: "Push to talk",
  pushToTalkHint: "You are muted unless you hold the button or, with shortcuts on, the space bar.",
  recordLabel: "Record both sides",
  recordHint: "From the next conversation on: up to 30 minutes of each, kept in this tab until you close or reload it.",
  speakerAsk: "Choose a speaker",
  advanced: "Advanced",
  advancedHint: "How Moshi picks its words and sounds, from the next conversation on.",
  settingDefault: (value: string) => `Default ${value}`,
  settingAny: "Any",
  settingRange: (least: string, most: string) => `${least} to ${most}`,
  resetModel: "Back to the defaults",
  settingNames: {
    text_temperature: "Text temperature",
    text_topk: "Text top-k",
    text_seed: "Text seed",
    audio_temperature: "Audio temperature",
    audio_topk: "Audio top-k",
    audio_seed: "Audio seed",
    seed: "Seed",
    voice: "Voice",
    model: "Model",
  } as Readonly<Record<string, string>>,
  page: "Page",
  theme: "Colours",
  themes: { system: "System", light: "Light", dark: "Dark" },
  shortcutsLabel: "Keyboard shortcuts",
  shortcuts: [
    ["M", "mute and unmute"],
    ["Space", "hold to talk"],
    ["S", "settings"],
    ["Escape", "close settings"],
  ] as readonly (readonly [string, string])[],

  // The connection, for support.
  details: "Connection",
  detailsHint: "If you ask for help, send these figures.",
  rows: {
    total: "Delay",
    roundTrip: "Round trip",
    step: "Model step",
    lag: "Model lag",
    buffer: "Buffered",
    headroom: "Buffer target",
    underruns: "Gaps",
    inserted: "Silence put in",
    capture: "Microphone delay",
    output: "Speaker delay",
    dropped: "Packets not sent, frames not heard",
    codec: "Codec",
    session: "Conversation",
    model: "Model",
    versions: "Versions",
    browser: "Browser",
  },

  // Other devices.
  phone: {
    title: "Open on your phone",
    scan: "Scan the code with the phone’s camera, or open this address there. If the page does not open, the phone may be in another network.",
    code: (url: string) => `QR code of ${url}`,
    closed: "This service is open to this computer only. If you run it, you can open it to your network: start it with",
    warning:
      "The phone warns once, because it does not know who signed this service’s certificate. You can proceed there, or make the phone trust the authority:",
    download: "Download the authority",
    devices: [
      [
        "iPhone, iPad",
        "Download it in Safari and allow the profile. Open Settings, Profile Downloaded, Install. Then switch it on in Settings, General, About, Certificate Trust Settings.",
      ],
      [
        "Android",
        "Download it in Chrome. Open Settings, search for “CA certificate”, choose Install anyway, and pick the file.",
      ],
    ] as readonly (readonly [string, string])[],
    compare: "Before you trust it, compare its SHA-256 fingerprint with the one in the terminal of the service:",
  },
  milliseconds: (value: number) => `${Math.round(value)} ms`,
  about: (model: string, device: string, upstream: string) => `${model} on ${device}, Moshi ${upstream}`,
  /** A wait, no more exact than it is known. */
  roughly: (seconds: number) => {
    if (seconds <= 50) return `${Math.max(1, Math.round(seconds / 10)) * 10} s`;
    const minutes = Math.max(1, Math.round(seconds / 60));
    return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
  },
  duration: (seconds: number) => {
    const minutes = Math.floor(seconds / 60);
    return minutes === 0 ? `${seconds} s` : `${minutes} min ${seconds % 60} s`;
  },
};

/** The type of a translation. */
export type Strings = typeof en;

/** The words in use. */
export const strings: Strings = en;
