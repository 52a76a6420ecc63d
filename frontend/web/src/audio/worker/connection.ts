/** The connection of a call, in the worker: socket, Ogg and codec between the server and the worklets' ports. */

import { Decoder } from "../codec/decoder";
import { createEncoder, type Encoder } from "../codec/encoder";
import { MODEL_RATE, PACKET_SAMPLES, type Samples } from "../codec/format";
import { OggOpusWriter } from "../codec/ogg";
import { BROWSER_FAILED, LOST } from "../protocol/closing";
import { CloseCode } from "../protocol/generated";
import { audioMessage, PING, parseMessage } from "../protocol/messages";
import { Heartbeat } from "./heartbeat";
import type { Connect, FromWorker, SocketReport } from "./messages";

const MAX_UNSENT_BYTES = 65_536; // some 15 s of speech: the socket is stuck, and late speech is of no use
const REPORT_MS = 250;
const PING_MS = 1000;
const CONNECT_MS = 20_000;
const CLOSE_MS = 1000; // for the server's answer to a close frame

/** One WebSocket with its encoder and decoder. */
export class Connection {
  /** Waiting for the handshake, then live. After `hangUp`, the connection leaves until the server answers. */
  #state: "waiting" | "live" | "leaving" | "closed" = "waiting";
  #encoder: Encoder | null = null;
  #decoder: Decoder | null = null;
  #pingedAt = 0;
  readonly #socket: WebSocket;
  readonly #timers: readonly number[];
  readonly #decoding = Decoder.create();
  readonly #writer = new OggOpusWriter(crypto.getRandomValues(new Uint32Array(1))[0] as number);
  readonly #heartbeat = new Heartbeat();
  /** Messages that came before the codec was loaded, in order. The server sends a handshake, then waits for speech. */
  readonly #early: ArrayBuffer[] = [];
  readonly #report: SocketReport = {
    codec: null,
    droppedInputPackets: 0,
    roundTripMs: null,
    messagesIn: 0,
    bytesIn: 0,
    audioMessagesOut: 0,
  };

  /** Connects at once. After its last message, `close`, the worker ends. @throws SyntaxError for a bad URL */
  constructor(
    readonly options: Connect,
    readonly tell: (message: FromWorker) => void,
  ) {
    this.#socket = new WebSocket(options.url);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) => this.#onMessage(data);
    this.#socket.onclose = ({ code, reason }) => {
      this.#receiveEarly(); // the server may have given its reason
      this.#close(code, reason);
    };
    onNetworkChange(() => this.#heartbeat.doubt());
    this.#timers = [
      self.setInterval(() => tell({ type: "report", report: this.#report }), REPORT_MS),
      self.setInterval(() => this.#ping(), PING_MS),
      self.setTimeout(() => {
        if (this.#socket.readyState === WebSocket.CONNECTING) this.#close(LOST, "");
      }, CONNECT_MS),
    ];
  }

  /** Loads encoder and decoder while the socket connects. @throws Error if the browser cannot load one */
  async loadCodec(): Promise<void> {
    const { codec, sampleRate, capture } = this.options;
    this.#encoder = await createEncoder(
      codec,
      sampleRate,
      (packet) => this.#send(this.#writer.packet(packet, PACKET_SAMPLES)),
      (reason) => this.#close(BROWSER_FAILED, reason),
    );
    this.#report.codec = this.#encoder.codec;
    this.#decoder = await this.#decoding;
    if (this.#state === "closed") return;
    this.tell({ type: "codec loaded" });
    capture.onmessage = ({ data }: MessageEvent<Samples>) => {
      if (this.#state === "live") this.#encoder?.encode(data);
    };
    this.#receiveEarly();
  }

  /** Closes the socket, and waits a moment for the server's answer. */
  hangUp(): void {
    this.#state = "leaving";
    this.#socket.close(CloseCode.Finished);
    setTimeout(() => this.#close(CloseCode.Finished, ""), CLOSE_MS);
  }

  #onMessage(data: ArrayBuffer | string): void {
    if (typeof data === "string") return;
    this.#heartbeat.heard();
    this.#report.messagesIn++;
    this.#report.bytesIn += data.byteLength;
    if (this.#decoder && this.#encoder) this.#receive(data);
    else this.#early.push(data);
  }

  #receiveEarly(): void {
    for (const data of this.#early.splice(0)) this.#receive(data);
  }

  #receive(data: ArrayBuffer): void {
    const message = parseMessage(data);
    switch (message?.kind) {
      case "handshake":
        this.#goLive();
        break;
      case "audio":
        this.#play(message.ogg);
        break;
      case "text":
        this.tell({ type: "text", text: message.text });
        break;
      case "event":
        this.tell({ type: "event", event: message.event });
        break;
      case "error":
        this.tell({ type: "error", text: message.text });
        break;
      case "ping":
        this.#report.roundTripMs = performance.now() - this.#pingedAt;
        break;
    }
  }

  #play(ogg: Uint8Array): void {
    const samples = this.#decoder?.decode(ogg);
    if (samples) this.options.playback.postMessage(samples, [samples.buffer]);
  }

  #goLive(): void {
    if (this.#state !== "waiting") return;
    this.#state = "live";
    this.#send(this.#writer.headers(MODEL_RATE));
    this.tell({ type: "live" });
  }

  #send(ogg: Uint8Array): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    if (this.#socket.bufferedAmount > MAX_UNSENT_BYTES) {
      this.#report.droppedInputPackets++;
      return;
    }
    this.#socket.send(audioMessage(ogg));
    this.#report.audioMessagesOut++;
  }

  #ping(): void {
    if (this.#state !== "live" || this.#socket.readyState !== WebSocket.OPEN) return;
    if (this.#heartbeat.beat(Date.now())) {
      this.#close(LOST, "");
      return;
    }
    if (this.#heartbeat.fallsSilent) void this.#lookPast();
    this.#pingedAt = performance.now();
    this.#socket.send(PING);
  }

  /** With another address, this device reaches the service by a new connection, and never again by the old one. */
  async #lookPast(): Promise<void> {
    const service = new URL("..", this.options.url.replace(/^ws/, "http"));
    try {
      await fetch(new URL("alive", service), { mode: "no-cors", cache: "no-store" });
      this.#heartbeat.doubt();
    } catch {
      // The network is away, and may come back with the connection.
    }
  }

  #close(code: number, reason: string): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    for (const timer of this.#timers) clearTimeout(timer); // it clears intervals as well
    this.options.capture.close();
    this.#encoder?.close();
    this.#socket.close();
    this.tell({ type: "report", report: this.#report });
    this.tell({ type: "close", code, reason });
    this.options.playback.close();
    self.close();
  }
}

/** The worker ends with its connection, so nobody stops listening. Safari and Firefox tell only of `online`. */
function onNetworkChange(changed: () => void): void {
  self.addEventListener("online", changed);
  (navigator as { connection?: EventTarget }).connection?.addEventListener("change", changed);
}
