/** Two mono signals of 48 kHz as one stereo signal of half the rate, in 16-bit samples. Pure. */

import { MODEL_RATE } from "../codec/format";

/** Samples a second of a recording. The model's voice has no more. */
export const RECORDED_RATE = MODEL_RATE;
const CHUNK_FRAMES = RECORDED_RATE / 10;

/** Left and right samples in turn. */
export type Chunk = Int16Array<ArrayBuffer>;

/** Collects both sides into chunks. */
export class Stereo {
  #chunk: Chunk = new Int16Array(2 * CHUNK_FRAMES);
  #filled = 0;

  /** @param onChunk gets 100 ms at a time, left and right in turn */
  constructor(readonly onChunk: (chunk: Chunk) => void) {}

  /** Takes as many samples of each side, an even number; a side that is missing is silent. */
  add(left: Float32Array | undefined, right: Float32Array | undefined, length: number): void {
    for (let index = 0; index + 1 < length; index += 2) {
      this.#chunk[this.#filled++] = halved(left, index);
      this.#chunk[this.#filled++] = halved(right, index);
      if (this.#filled === this.#chunk.length) {
        this.onChunk(this.#chunk);
        this.#chunk = new Int16Array(2 * CHUNK_FRAMES);
        this.#filled = 0;
      }
    }
  }
}

/** The mean of two neighbours: a simple low-pass against aliasing. */
function halved(samples: Float32Array | undefined, index: number): number {
  if (!samples) return 0;
  const mean = ((samples[index] ?? 0) + (samples[index + 1] ?? 0)) / 2;
  return Math.round(Math.max(-1, Math.min(1, mean)) * 32_767);
}
