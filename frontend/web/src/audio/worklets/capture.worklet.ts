/** Microphone to worker: cuts the sound into packets. Muted, it sends silence, so that time goes on. */

import { PACKET_MS, type Samples } from "../codec/format";
import { CAPTURE, type CaptureReport, type ToCapture } from "./messages";

class Capture extends AudioWorkletProcessor {
  readonly #length = Math.round((sampleRate / 1000) * PACKET_MS);
  #packet: Samples = new Float32Array(this.#length);
  #filled = 0;
  #energy = 0;
  #muted = false;
  #worker: MessagePort | null = null;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<ToCapture>) => {
      if ("port" in data) this.#worker = data.port;
      else this.#muted = data.muted;
    };
  }

  process([input]: Float32Array[][]): boolean {
    // A device that is gone gives no channel: silence then keeps the conversation's time.
    const samples = input?.[0];
    const length = samples?.length ?? 128;
    for (let index = 0; index < length; index++) {
      const sample = samples?.[index] ?? 0;
      this.#energy += sample * sample;
      this.#packet[this.#filled++] = this.#muted ? 0 : sample;
      if (this.#filled === this.#length) this.#send();
    }
    return true;
  }

  #send(): void {
    const report: CaptureReport = { level: Math.sqrt(this.#energy / this.#length) };
    this.port.postMessage(report);
    this.#worker?.postMessage(this.#packet, [this.#packet.buffer]);
    this.#packet = new Float32Array(this.#length);
    this.#filled = 0;
    this.#energy = 0;
  }
}

registerProcessor(CAPTURE, Capture);
