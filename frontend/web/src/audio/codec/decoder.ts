/** Ogg/Opus messages to samples, by libopus in WebAssembly: the same in every browser. */

import { OpusDecoder } from "opus-decoder";
import type { Samples } from "./format";
import { isOpusHeader, OggReader, preSkipOf } from "./ogg";

/** Decodes one stream. */
export class Decoder {
  readonly #opus: OpusDecoder;
  readonly #reader = new OggReader();
  #toSkip = 0;

  private constructor(opus: OpusDecoder) {
    this.#opus = opus;
  }

  static async create(): Promise<Decoder> {
    const opus = new OpusDecoder({ channels: 1, preSkip: 0 });
    await opus.ready;
    return new Decoder(opus);
  }

  /** The samples (48 kHz, mono) that these bytes complete; null if there are none. */
  decode(ogg: Uint8Array): Samples | null {
    const parts: Float32Array[] = [];
    for (const packet of this.#reader.push(ogg)) {
      this.#toSkip = preSkipOf(packet) ?? this.#toSkip;
      if (isOpusHeader(packet)) continue;
      const samples = this.#opus.decodeFrame(packet).channelData[0];
      if (!samples) continue;
      const skipped = Math.min(this.#toSkip, samples.length);
      this.#toSkip -= skipped;
      parts.push(samples.subarray(skipped));
    }
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    if (length === 0) return null;
    const whole = new Float32Array(length);
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}
