/** What the audio core and the page tell each other. */

export type RecordingFormat = "wav" | "opus";

export type Codec = "webcodecs" | "wasm";

/** JSON of a kind 4 message. */
export type Metadata =
  /** Before the handshake: position 1 is next. */
  | { type: "queue"; position: number; wait_seconds: number | null; longest_wait_seconds?: number | null }
  /** Before the handshake: the model reads voice and role. In positions, and the seconds that are left. */
  | { type: "preparing"; done: number; total: number; seconds: number | null }
  | { type: "session"; id: string; settings: Record<string, number | string> }
  | { type: "stats"; tick_ms: number; lag_ms: number; backlog_frames: number; dropped_frames: number }
  | { type: "warning"; why: "session" | "idle" | "draining"; seconds: number }
  | { type: "end"; code: number; reason: string };

/** Counts since the call began, as the worker and the worklets measured them. Levels are 0..1. */
export interface CallStats {
  codec: Codec | null;
  /** Decoded speech that the speaker was given, without inserted silence. */
  playedSeconds: number;
  /** Root mean square and highest sample of what was played. */
  playedRms: number;
  peak: number;
  /** Times the jitter buffer ran empty, and the silence put in for it. */
  underruns: number;
  insertedMs: number;
  /** Audio that is ready to be played now. */
  bufferMs: number;
  /** What the jitter buffer aims at. */
  targetMs: number | null;
  /** What the browser says of its own delays; null where it says nothing. */
  captureLatencyMs: number | null;
  outputLatencyMs: number | null;
  /** Frames of the microphone that the service let go because the model was behind. */
  droppedFrames: number;
  /** Microphone packets not sent because the socket was congested. */
  droppedInputPackets: number;
  roundTripMs: number | null;
  tickMs: number | null;
  /** How long the last frame waited for its answer. */
  lagMs: number | null;
  messagesIn: number;
  bytesIn: number;
  audioMessagesOut: number;
}

export interface CallEvents {
  /** The server's handshake: from now on it listens. */
  onLive(): void;
  onText(piece: string): void;
  onMetadata(metadata: Metadata): void;
  /** A kind 5 message. */
  onServerError(text: string): void;
  /** Once, after which nothing more comes. Also when the codec or worker fails (code 4999). */
  onClose(code: number, reason: string): void;
  /** The system has taken the sound away (a phone call, another app), or given it back. */
  onInterruption(interrupted: boolean): void;
  /** About 20 times a second. The input is what the microphone hears, muted or not. */
  onLevels(input: number, output: number): void;
}

export interface Call {
  /** Muted, silence is sent. */
  setMuted(muted: boolean): void;
  /** After an interruption. Call it from a click: browsers start sound only then. */
  resume(): Promise<void>;
  /** The call owns the stream from now on, and stops the one before. */
  setMicrophone(stream: MediaStream): Promise<void>;
  /** @throws DOMException if the device cannot be used; empty means the system's default */
  setSpeaker(id: string): Promise<void>;
  /** What is recorded so far, both sides; null when nothing is. */
  recording(): { seconds: number; full: boolean } | null;
  /** The file, also when the call is over. @throws Error when nothing was recorded */
  saveRecording(format: RecordingFormat): Promise<Blob>;
  /** Closes the socket, the microphone and the audio device. Safe to call twice. */
  hangUp(): Promise<void>;
  stats(): CallStats;
}

export interface CallOptions {
  /** ws: or wss: URL of /api/chat. */
  url: string;
  /** "auto": WebCodecs where the browser encodes Opus, else WebAssembly. */
  codec: "auto" | "wasm";
  /** From getUserMedia; the call owns it from now on. */
  microphone: MediaStream;
  /** Created or resumed inside the click; the call owns it from now on. */
  context: AudioContext;
  /** A device's id; empty for the system's default. */
  speakerId: string;
  muted: boolean;
  /** Whether both sides are kept, to be saved. */
  record: boolean;
  events: CallEvents;
}
