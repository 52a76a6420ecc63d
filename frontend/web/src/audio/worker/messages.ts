/** Messages between the page and the worker of a call. */

import type { Codec, CodecChoice } from "../codec/encoder";
import type { ServerEvent } from "../protocol/generated";

/** Connect, and exchange `Samples` with the worklets through their ports. */
export interface Connect {
  type: "connect";
  /** ws: or wss: URL of /api/chat. */
  url: string;
  codec: CodecChoice;
  sampleRate: number;
  capture: MessagePort;
  playback: MessagePort;
}

/** To the worker. */
export type ToWorker = Connect | { type: "hang up" };

/** The socket's counts. */
export interface SocketReport {
  codec: Codec | null;
  droppedInputPackets: number;
  roundTripMs: number | null;
  messagesIn: number;
  bytesIn: number;
  audioMessagesOut: number;
}

/** From the worker. */
export type FromWorker =
  /** The worker's code runs. */
  | { type: "started" }
  /** The codec is loaded. */
  | { type: "codec loaded" }
  /** The server's handshake. */
  | { type: "live" }
  | { type: "text"; text: string }
  | { type: "event"; event: ServerEvent }
  | { type: "error"; text: string }
  | { type: "report"; report: SocketReport }
  /** The last message. */
  | { type: "close"; code: number; reason: string };
