/** What the page, the worker and the worklets send each other. Names of the processors included. */

import type { Codec, Metadata } from "./types";

export const CAPTURE = "scenario6-capture";
export const PLAYBACK = "scenario6-playback";
export const RECORDER = "scenario6-recorder";

/** Both worklets first get the port that leads straight to the worker. */
export type ToCapture = { port: MessagePort } | { muted: boolean };
export type ToRecorder = { muted: boolean };
export type ToPlayback = { port: MessagePort };

/** 20 ms of microphone, to the worker. */
export type Captured = Float32Array<ArrayBuffer>;
/** Decoded speech of one message, to the playback worklet. */
export type Decoded = Float32Array<ArrayBuffer>;

/** From the capture worklet to the page: root mean square of the last 20 ms, whether they were sent or muted. */
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

export interface ToWorker {
  url: string;
  codec: "auto" | "wasm";
  sampleRate: number;
  capture: MessagePort;
  playback: MessagePort;
}
export type CloseWorker = "close";

/** Close code, of ours alone, for a call that broke in the browser. */
export const FAILED = 4999;

/** The socket's counts. */
export interface SocketReport {
  codec: Codec | null;
  droppedInputPackets: number;
  roundTripMs: number | null;
  messagesIn: number;
  bytesIn: number;
  audioMessagesOut: number;
}

export type FromWorker =
  /** Its code runs. */
  | { type: "begun" }
  /** The codec is loaded. */
  | { type: "ready" }
  | { type: "live" }
  | { type: "text"; text: string }
  | { type: "metadata"; metadata: Metadata }
  | { type: "error"; text: string }
  | { type: "report"; report: SocketReport }
  | { type: "close"; code: number; reason: string };
