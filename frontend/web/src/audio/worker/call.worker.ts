/**
 * The conversation's own thread: socket, Ogg and codec. Sound passes between it and the worklets by ports of their own,
 * so a busy page costs no audio.
 */

import { Decoder } from "../codec/decoder";
import { createEncoder, type Encoder } from "../codec/encoder";
import { OggOpusWriter } from "../codec/ogg";
import { audioMessage, PING, parseMessage } from "../protocol/messages";
import {
  type Captured,
  type CloseWorker,
  FAILED,
  type FromWorker,
  type SocketReport,
  type ToWorker,
} from "../worklet-messages";
import { Heartbeat } from "./heartbeat";

const MAX_UNSENT_BYTES = 65_536; // some 15 s of speech: the socket is stuck, and late speech is of no use
const REPORT_MS = 250;
const PING_MS = 1000;
const SERVER_RATE = 24_000;
const CONNECT_MS = 20_000;
const CLOSE_MS = 1000; // for the server's answer to a close frame

const report: SocketReport = {
  codec: null,
  droppedInputPackets: 0,
  roundTripMs: null,
  messagesIn: 0,
  bytesIn: 0,
  audioMessagesOut: 0,
};

/** Until there is a socket, there is nothing to take leave of. */
let hangUp = (): void => self.close();

function tell(message: FromWorker): void {
  self.postMessage(message);
}

async function start({ url, codec, sampleRate, capture, playback }: ToWorker): Promise<void> {
  tell({ type: "begun" });
  let live = false;
  let encoder: Encoder | null = null;
  let pingedAt = 0;
  const heartbeat = new Heartbeat();
  const writer = new OggOpusWriter(crypto.getRandomValues(new Uint32Array(1))[0] as number);
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const decoding = Decoder.create();

  const timers = [
    setInterval(() => tell({ type: "report", report }), REPORT_MS),
    setInterval(() => {
      if (!live || socket.readyState !== WebSocket.OPEN) return;
      if (heartbeat.beat()) return close(1006, "");
      pingedAt = performance.now();
      socket.send(PING);
    }, PING_MS),
  ];

  const connecting = setTimeout(() => {
    if (socket.readyState === WebSocket.CONNECTING) close(1006, "");
  }, CONNECT_MS);

  let closed = false;
  const close = (code: number, reason: string): void => {
    if (closed) return;
    closed = true;
    live = false;
    timers.forEach(clearInterval);
    clearTimeout(connecting);
    capture.close();
    encoder?.close();
    socket.close();
    tell({ type: "report", report });
    tell({ type: "close", code, reason });
    playback.close();
    self.close();
  };

  hangUp = () => {
    live = false;
    socket.close(1000);
    setTimeout(() => close(1000, ""), CLOSE_MS);
  };

  const send = (ogg: Uint8Array): void => {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount > MAX_UNSENT_BYTES) {
      report.droppedInputPackets++;
      return;
    }
    socket.send(audioMessage(ogg));
    report.audioMessagesOut++;
  };

  let decoder: Decoder | null = null;
  const receive = (data: ArrayBuffer): void => {
    const message = parseMessage(data);
    switch (message?.kind) {
      case "handshake":
        if (live) return;
        live = true;
        send(writer.headers(SERVER_RATE));
        tell({ type: "live" });
        return;
      case "audio": {
        const samples = decoder?.decode(message.ogg);
        if (samples) playback.postMessage(samples, [samples.buffer]);
        return;
      }
      case "text":
        tell({ type: "text", text: message.text });
        return;
      case "metadata":
        tell({ type: "metadata", metadata: message.metadata });
        return;
      case "error":
        tell({ type: "error", text: message.text });
        return;
      case "ping":
        report.roundTripMs = performance.now() - pingedAt;
        return;
    }
  };

  // The codec loads while the socket connects. What came before it was there is kept, in order.
  const early: ArrayBuffer[] = [];
  socket.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) => {
    if (typeof data === "string") return;
    heartbeat.heard();
    report.messagesIn++;
    report.bytesIn += data.byteLength;
    if (decoder && encoder) receive(data);
    else early.push(data); // the server sends a handshake and then waits for speech
  };
  socket.onclose = ({ code, reason }) => {
    early.splice(0).forEach(receive); // it may have said why
    close(code, reason);
  };

  const packetSamples = 48_000 / 50; // Ogg counts at 48 kHz whatever the rate
  encoder = await createEncoder(
    codec,
    sampleRate,
    (packet) => send(writer.packet(packet, packetSamples)),
    (reason) => close(FAILED, reason),
  );
  report.codec = encoder.codec;
  decoder = await decoding;
  if (closed) return;
  tell({ type: "ready" });
  capture.onmessage = ({ data }: MessageEvent<Captured>) => {
    if (live) encoder?.encode(data);
  };
  early.splice(0).forEach(receive);
}

self.onmessage = ({ data }: MessageEvent<ToWorker | CloseWorker>) => {
  if (data === "close") hangUp();
  else start(data).catch((error: unknown) => tell({ type: "close", code: FAILED, reason: String(error) }));
};
