/** Every word the page says. */

export const strings = {
  title: "Talk to Moshi",
  lead: "A conversation, not a dictation: Moshi listens while it talks.",
  connect: "Connect",
  connectAgain: "Connect again",
  disconnect: "Disconnect",
  cancel: "Cancel",
  mute: "Mute",
  unmute: "Unmute",
  muteHint: "M mutes and unmutes",
  you: "You",
  moshi: "Moshi",
  level: (who: string) => `${who}: loudness`,
  captions: "What Moshi says",
  captionsEmpty: "What Moshi says appears here.",
  demo: "This is the demo model: random weights. It talks nonsense; it only shows that the whole path works.",
  headphones: "With headphones Moshi does not hear itself.",

  idle: "Ready when you are.",
  askingForMicrophone: "Waiting for permission to use the microphone.",
  connecting: "Connecting.",
  starting: (phase: string, percent: number | null, detail: string) =>
    `The model is starting: ${phase}${percent === null ? "" : ` ${percent} %`}. ${detail}`,
  unreachable: "The model does not answer yet. Waiting for it.",
  draining: "The model is shutting down. Waiting for it to come back.",
  live: "Live. Speak whenever you like.",
  liveMuted: "Live. Your microphone is muted.",
  ended: (reason: string, duration: string) => `Ended after ${duration}: ${reason}`,
  failed: (reason: string) => `That did not work: ${reason}`,

  insecure: (url: string) =>
    `Browsers give the microphone to secure pages only. Open ${url}, or this page on localhost on the computer it runs on.`,
  microphoneDenied: "the browser may not use the microphone. Allow it beside the address bar, then connect again.",
  microphoneMissing: "no microphone was found. Plug one in, then connect again.",
  microphoneBusy: "the microphone could not be opened. Another program may be using it.",
  microphoneOther: (name: string) => `the microphone could not be opened (${name}).`,
  audioFailed: "this browser could not load the audio code. Reload the page, or try another browser.",
  noConfig: "the service does not answer. Is it running?",
  modelFailed: (detail: string) => `the model could not be started: ${detail}`,

  hungUp: "you disconnected.",
  finished: "the conversation is over.",
  goingAway: "the service is shutting down.",
  full: "all places are taken. Try again in a minute.",
  tooSlow: "this connection is too slow for a conversation.",
  notAllowed: "the service does not accept this page's address.",
  lost: "the connection was lost or refused. Is the service running?",
  closed: (code: number) => `the service closed the connection (${code}).`,

  details: "Connection",
  roundTrip: "Round trip",
  tick: "Model step",
  buffer: "Buffered",
  underruns: "Gaps",
  milliseconds: (value: number) => `${Math.round(value)} ms`,
  none: "–",
  about: (model: string, device: string, upstream: string) => `${model} on ${device}, Moshi ${upstream}`,
  duration: (seconds: number) => {
    const minutes = Math.floor(seconds / 60);
    return minutes === 0 ? `${seconds} s` : `${minutes} min ${seconds % 60} s`;
  },
} as const;
