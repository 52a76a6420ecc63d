/** What the audio core and the page tell each other. */

export type Codec = "webcodecs" | "wasm";

/** JSON of a kind 4 message. */
export type Metadata =
  | { type: "session"; id: string }
  | { type: "stats"; tick_ms: number; lag_ms: number; backlog_frames: number; dropped_frames: number }
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
  /** Microphone packets not sent because the socket was congested. */
  droppedInputPackets: number;
  roundTripMs: number | null;
  tickMs: number | null;
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
  /** About 20 times a second. */
  onLevels(input: number, output: number): void;
}

export interface Call {
  setMuted(muted: boolean): void;
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
  events: CallEvents;
}
