/** Messages between the page and the worklets, and the names of the processors. */

export const CAPTURE = "scenario6-capture";
export const PLAYBACK = "scenario6-playback";
export const RECORDER = "scenario6-recorder";

/** Capture and playback first get the port that leads straight to the worker. `Samples` pass through it. */
export type ToCapture = { port: MessagePort } | { muted: boolean };
/** Muted, the microphone's side is recorded as silence. */
export type ToRecorder = { muted: boolean };
/** See `ToCapture`. */
export type ToPlayback = { port: MessagePort };

/** From the capture worklet to the page: root mean square of the last packet, whether it was sent or muted. */
export type CaptureReport = { level: number };

/** From the playback worklet to the page, 20 times a second. */
export interface PlaybackReport {
  level: number;
  playedSeconds: number;
  playedRms: number;
  peak: number;
  underruns: number;
  insertedMs: number;
  bufferMs: number;
  targetMs: number;
}
