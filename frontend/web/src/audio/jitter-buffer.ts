/**
 * Evens out when speech arrives, so that it plays without gaps and as soon as the network allows.
 *
 * It delays playback by what 98 of 100 packets need, and keeps to that delay by playing up to 2 % faster or slower,
 * which is not heard. What piles up beyond that is let go only where it is silent: speech is never dropped, except when
 * the ring, which holds over five seconds, overflows.
 */

const RING = 1 << 18;
const MASK = RING - 1;
const WINDOW = 250; // packets whose delay is remembered: 20 s
const ENOUGH = 20; // packets before their delays mean anything
const QUANTILE = 0.98;
const INITIAL_TARGET_MS = 20;
const FLOOR_MS = 8;
const CAP_MS = 160;
const MAX_CORRECTION = 0.02;
const CORRECTION_PER_MS = 0.001;
const TOLERATED_MS = 4;
const SKIP_BEYOND_MS = 60;
const SKIP_LEAVES_MS = 10;
const SILENCE = 1e-6; // mean square, -60 dB
const FADE_SAMPLES = 240;
const HEADROOM_WINDOW = 7;
const UNDERRUN_BOOST_MS = 10;
const MAX_BOOST_MS = 60;
const BOOST_DECAY = 0.998; // a packet
const INTERPOLATION_MARGIN = 3; // samples around a position that the interpolation reads

export class JitterBuffer {
  underruns = 0;
  insertedMs = 0;
  skippedMs = 0;
  overflowMs = 0;
  playedSamples = 0;
  sumOfSquares = 0;
  peak = 0;

  readonly #perMs: number;
  readonly #ring = new Float32Array(RING);
  #written = 0;
  #read = 0; // fractional
  #playing = false;
  #hasPlayed = false;
  #waitedMs = 0;
  #gain = 0;
  #rate = 1;
  #skip = 0; // samples
  #target = INITIAL_TARGET_MS;
  #boost = 0;
  #delays: number[] = [];
  #headrooms: number[] = [];

  /**
   * @param sampleRate in Hz
   * @param frameMs length of the packets that are pushed, and what has to be there before playback begins
   */
  constructor(
    sampleRate: number,
    readonly frameMs = 80,
  ) {
    this.#perMs = sampleRate / 1000;
  }

  /** Speech that is ready to be played. */
  get bufferedMs(): number {
    return (this.#written - this.#read) / this.#perMs;
  }

  /** Take one packet that arrived at `nowMs`, on the clock that playback runs on. */
  push(samples: Float32Array, nowMs: number): void {
    const delay = this.#rememberDelay(nowMs - this.#written / this.#perMs);
    if (this.#playing) this.#steer(this.bufferedMs + delay);
    const excess = this.#written - this.#read + samples.length - (RING - FADE_SAMPLES);
    if (excess > 0) {
      this.#read += excess;
      this.overflowMs += excess / this.#perMs;
    }
    for (let index = 0; index < samples.length; index++) {
      this.#ring[(this.#written + index) & MASK] = samples[index] as number;
    }
    this.#written += samples.length;
  }

  /** Fill one block with what is due now. */
  pull(block: Float32Array): void {
    if (!this.#playing) {
      this.#wait(block);
      return;
    }
    this.#skipSilence(block.length);
    if (this.#written - this.#read < block.length * this.#rate + INTERPOLATION_MARGIN) this.#runDry(block);
    else this.#play(block);
  }

  /** Milliseconds that playback is meant to lag behind the fastest packet. */
  get targetMs(): number {
    return this.#target;
  }

  /** The delay of this packet over the fastest one remembered; moves the target towards what the packets need. */
  #rememberDelay(relative: number): number {
    this.#delays.push(relative);
    if (this.#delays.length > WINDOW) this.#delays.shift();
    const sorted = Float64Array.from(this.#delays).sort();
    const fastest = sorted[0] as number;
    this.#boost *= BOOST_DECAY;
    if (sorted.length >= ENOUGH) {
      const needed = (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * QUANTILE))] as number) - fastest;
      const wanted = Math.min(CAP_MS, needed + FLOOR_MS + this.#boost);
      this.#target += (wanted > this.#target ? 0.5 : 0.05) * (wanted - this.#target);
    }
    return relative - fastest;
  }

  /** `headroom`: what would be left in the buffer if this packet had been as fast as the fastest. */
  #steer(headroom: number): void {
    this.#headrooms.push(headroom);
    if (this.#headrooms.length > HEADROOM_WINDOW) this.#headrooms.shift();
    if (this.#headrooms.length < 5) return;
    const sorted = [...this.#headrooms].sort((a, b) => a - b);
    const over = (sorted[sorted.length >> 1] as number) - this.#target;
    const correction = Math.max(-MAX_CORRECTION, Math.min(MAX_CORRECTION, over * CORRECTION_PER_MS));
    this.#rate = Math.abs(over) < TOLERATED_MS ? 1 : 1 + correction;
    this.#skip = over > SKIP_BEYOND_MS ? (over - SKIP_LEAVES_MS) * this.#perMs : 0;
  }

  #wait(block: Float32Array): void {
    block.fill(0);
    const blockMs = block.length / this.#perMs;
    if (this.#hasPlayed) this.insertedMs += blockMs;
    if (this.bufferedMs < this.frameMs - 1) return;
    this.#waitedMs += blockMs;
    if (this.#waitedMs < this.#target) return;
    this.#playing = this.#hasPlayed = true;
    this.#waitedMs = 0;
    this.#gain = 0;
    this.#headrooms = [];
  }

  #skipSilence(length: number): void {
    if (this.#skip <= 0 || this.#written - this.#read <= length * 3) return;
    const start = Math.floor(this.#read);
    let energy = 0;
    for (let index = 0; index < length; index++) energy += (this.#ring[(start + index) & MASK] as number) ** 2;
    if (energy / length > SILENCE) return;
    const skipped = Math.min(length, this.#skip);
    const skippedMs = skipped / this.#perMs;
    this.#read += skipped;
    this.#skip -= skipped;
    this.skippedMs += skippedMs;
    this.#headrooms = this.#headrooms.map((headroom) => headroom - skippedMs);
  }

  /** Fade out what is left, and begin again when a frame is there. */
  #runDry(block: Float32Array): void {
    const start = Math.floor(this.#read);
    const left = Math.max(0, this.#written - start);
    for (let index = 0; index < block.length; index++) {
      block[index] = index < left ? (this.#ring[(start + index) & MASK] as number) * (1 - index / left) : 0;
    }
    const played = Math.min(left, block.length);
    this.#measure(block, played);
    this.underruns++;
    this.insertedMs += (block.length - played) / this.#perMs;
    this.#boost = Math.min(MAX_BOOST_MS, this.#boost + UNDERRUN_BOOST_MS);
    this.#read = this.#written;
    this.#playing = false;
    this.#waitedMs = 0;
    this.#rate = 1;
    this.#skip = 0;
  }

  /** Cubic interpolation between four samples, so that the rate can differ from 1. */
  #play(block: Float32Array): void {
    const ring = this.#ring;
    for (let index = 0; index < block.length; index++) {
      const at = Math.floor(this.#read);
      const t = this.#read - at;
      const before = ring[(at - 1) & MASK] as number;
      const from = ring[at & MASK] as number;
      const to = ring[(at + 1) & MASK] as number;
      const after = ring[(at + 2) & MASK] as number;
      const slope = (to - before) / 2;
      const curve = before - 2.5 * from + 2 * to - after / 2;
      const twist = (after - before) / 2 + 1.5 * (from - to);
      if (this.#gain < 1) this.#gain = Math.min(1, this.#gain + 1 / FADE_SAMPLES);
      block[index] = (((twist * t + curve) * t + slope) * t + from) * this.#gain;
      this.#read += this.#rate;
    }
    this.#measure(block, block.length);
  }

  #measure(block: Float32Array, length: number): void {
    this.playedSamples += length;
    for (let index = 0; index < length; index++) {
      const sample = block[index] as number;
      this.sumOfSquares += sample * sample;
      this.peak = Math.max(this.peak, Math.abs(sample));
    }
  }
}
