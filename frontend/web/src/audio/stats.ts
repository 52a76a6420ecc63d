/** The figures of a call. */

import type { Codec } from "./codec/encoder";

/** Counts since the call began, as the worker and the worklets measured them. Levels are 0..1. */
export interface CallStats {
  codec: Codec | null;
  /** Decoded speech that the speaker played, without inserted silence. */
  playedSeconds: number;
  /** Root mean square and highest sample of the played sound. */
  playedRms: number;
  peak: number;
  /** Times the jitter buffer ran empty, and the silence put in for it. */
  underruns: number;
  insertedMs: number;
  /** Audio that is ready to be played now. */
  bufferMs: number;
  /** The jitter buffer's target. */
  targetMs: number | null;
  /** The browser's own delays; null where the browser does not report them. */
  captureLatencyMs: number | null;
  outputLatencyMs: number | null;
  /** Frames of the microphone that the service dropped because the model was behind. */
  droppedFrames: number;
  /** Microphone packets not sent because the socket was congested. */
  droppedInputPackets: number;
  roundTripMs: number | null;
  stepMs: number | null;
  /** How long the last frame waited for its answer. */
  lagMs: number | null;
  messagesIn: number;
  bytesIn: number;
  audioMessagesOut: number;
}
