/** What the audio core and the page tell each other. */

import type { Step } from "./patience";
import type { Recording } from "./recording";

export type RecordingFormat = "wav" | "opus";

export type Codec = "webcodecs" | "wasm";

/** JSON of a kind 4 message. */
export type Metadata =
  /** Before the handshake: position 1 is next. */
  | { type: "queue"; position: number; wait_seconds: number | null; longest_wait_seconds?: number | null }
  /** Before the handshake: the model reads voice and role. In positions, and the seconds that are left. */
  | { type: "preparing"; done: number; total: number; seconds: number | null }
  | {
      type: "session";
      id: string;
      settings: Record<string, number | string>;
      /** What reading voice and role took; null without them. `remembered`: the voice was in memory. */
      preparation: { steps: number; seconds: number; remembered: boolean } | null;
    }
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
  /** The end: nothing more comes. Also when the codec or worker breaks in a conversation (code 4999). */
  onClose(code: number, reason: string): void;
  /** The end as well: the browser did not finish a step that leads to the call. */
  onFailed(step: Step): void;
  /** The system has taken the sound away (a phone call, another app), or given it back. */
  onInterruption(interrupted: boolean): void;
  /** The microphone is unplugged, or no longer allowed: silence is sent until `setMicrophone`. */
  onMicrophoneLost(): void;
  /** About 20 times a second. The input is what the microphone hears, muted or not. */
  onLevels(input: number, output: number): void;
}

export interface Call {
  /** Muted, silence is sent. */
  setMuted(muted: boolean): void;
  /** After an interruption. Call it from a click: browsers start sound only then. */
  resume(): Promise<void>;
  /**
   * The call owns the stream from now on, and stops the one before.
   *
   * @throws DOMException if the browser does not take it: it is stopped, and the one before goes on
   */
  setMicrophone(stream: MediaStream): void;
  /** False once it is unplugged, or no longer allowed. */
  readonly hasMicrophone: boolean;
  /** @throws DOMException if the device cannot be used, or does not answer; empty means the system's default */
  setSpeaker(id: string): Promise<void>;
  /** Both sides, also when the call is over; null when they are not recorded. */
  readonly recording: Recording | null;
  /** Aborted when the call is over. */
  readonly over: AbortSignal;
  stats(): CallStats;
}

export interface CallOptions {
  /** ws: or wss: URL of /api/chat. */
  url: string;
  /** "auto": WebCodecs where the browser encodes Opus, else WebAssembly. */
  codec: "auto" | "wasm";
  /** From getUserMedia. */
  microphone: MediaStream;
  /** Created inside the click. */
  context: AudioContext;
  muted: boolean;
  /** How many seconds of both sides are kept, to be saved; null for no recording. */
  recordSeconds: number | null;
  events: CallEvents;
  /** The call's life: who aborts it hangs up, and the call aborts it when it ends. It stops and closes everything. */
  end: AbortController;
}
