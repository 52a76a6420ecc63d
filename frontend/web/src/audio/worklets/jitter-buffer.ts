/**
 * The jitter buffer plays speech without gaps, and as soon as the network allows.
 *
 * It delays playback by the delay that 98 of 100 packets need. It holds that delay by playing up to 2 % faster or
 * slower, which is inaudible. A stall leaves much more in the buffer. Then the buffer shortens pauses. Where there is
 * no pause it leaves out single pitch periods, at most 10 % of the time: speech becomes quicker but loses no sound.
 * Speech is dropped only when the ring, which holds over five seconds, overflows.
 */

import { FRAME_MS } from "../codec/format";
import { bestLag, quietSamples, type Ring } from "./splice";

const RING = 1 << 18;
const MASK = RING - 1;
const WINDOW = 250; // packets whose delay is remembered: 20 s
const RECENT = 40; // packets that say how fast the fastest is now: the server may have left some time out
const ENOUGH = 20; // packets before their delays mean anything
const QUANTILE = 0.98;
const STEADY_AFTER_MS = 500; // WebKit begins with nothing for up to a second, and then pulls many blocks at once
const INITIAL_TARGET_MS = 20;
const FLOOR_MS = 8;
const CAP_MS = 160;
const MAX_CORRECTION = 0.02;
const CORRECTION_PER_MS = 0.001;
const TOLERATED_MS = 4;
const SHORTEN_BEYOND_MS = 60;
const SHORTEN_LEAVES_MS = 10;
const SPARE_MS = 20; // kept above the target whatever the estimate is
const SPLICE_MS = 10; // cross-fade
// A pause is 30 dB below the loudest sound of the last seconds, but between -60 and -40 dB; as mean squares.
const PAUSE_SHARE = 1e-3;
const PAUSE_LEAST = 1e-6;
const PAUSE_MOST = 1e-4;
const LOUDEST_DECAY = 0.997; // a block of 128 samples: half in 0.6 s, 30 dB in 6 s
const PAUSE_MS = 100; // shorter ones are part of a word
const PAUSE_LEAVES_MS = 60;
const COMPRESS_BEYOND_MS = 300; // a stall, and not the network's usual unrest
const COMPRESS_LEAVES_MS = 60;
const PERIOD_MS = [2.5, 15] as const; // pitch of 67 to 400 Hz
const COMPRESSION = 0.1; // share of the time that speech may lose
const ALIKE = 0.6;
const WAIT_MS = 20; // how long to wait for a stretch that is alike
const TRY_EVERY_MS = 10;
const FADE_SAMPLES = 240;
const HEADROOM_WINDOW = 7;
const UNDERRUN_BOOST_MS = 10;
const MAX_BOOST_MS = 60;
const BOOST_DECAY = 0.998; // a packet
const INTERPOLATION_MARGIN = 3; // samples around a position that the interpolation reads

/** Takes packets of one stream, and gives out blocks of 128 samples. */
export class JitterBuffer {
  underruns = 0;
  insertedMs = 0;
  /** Of pauses, and of speech by leaving out pitch periods. */
  skippedMs = 0;
  compressedMs = 0;
  overflowMs = 0;
  playedSamples = 0;
  sumOfSquares = 0;
  peak = 0;

  readonly #perMs: number;
  readonly #ring = new Float32Array(RING);
  readonly #view: Ring = { samples: this.#ring, mask: MASK };
  #written = 0;
  #read = 0; // fractional
  #pulledMs = 0;
  #playing = false;
  #hasPlayed = false;
  #waitedMs = 0;
  #gain = 0;
  #rate = 1;
  #surplusMs = 0;
  #splice: { lag: number; done: number } | null = null; // both in samples
  #compressing = false;
  #compressAt = 0; // the position from which the next pitch period may be left out
  #tryAt = 0;
  #loudest = 0;
  #target = INITIAL_TARGET_MS;
  #boost = 0;
  #delays: number[] = [];
  #headrooms: number[] = [];

  /**
   * @param sampleRate in Hz
   * @param frameMs length of the packets that are pushed; playback begins with that much in the buffer
   */
  constructor(
    sampleRate: number,
    readonly frameMs = FRAME_MS,
  ) {
    this.#perMs = sampleRate / 1000;
  }

  /** Speech that is ready to be played. */
  get bufferedMs(): number {
    return (this.#written - this.#read) / this.#perMs;
  }

  /** Takes one packet that arrived at `nowMs`, on the clock of the playback. */
  push(samples: Float32Array, nowMs: number): void {
    if (this.#pulledMs >= STEADY_AFTER_MS) {
      const delay = this.#rememberDelay(nowMs - this.#written / this.#perMs);
      if (this.#playing) this.#steer(this.bufferedMs + delay);
    }
    const excess = this.#written - this.#read + samples.length - (RING - FADE_SAMPLES);
    if (excess > 0) {
      this.#read += excess;
      this.overflowMs += excess / this.#perMs;
    }
    let energy = 0;
    for (let index = 0; index < samples.length; index++) {
      const sample = samples[index] as number;
      this.#ring[(this.#written + index) & MASK] = sample;
      energy += sample * sample;
      if (index % 128 !== 127) continue;
      this.#loudest = Math.max(this.#loudest * LOUDEST_DECAY, energy / 128);
      energy = 0;
    }
    this.#written += samples.length;
  }

  /** Fills one block with the sound that is due now. */
  pull(block: Float32Array): void {
    this.#pulledMs += block.length / this.#perMs;
    if (!this.#playing) {
      this.#wait(block);
      return;
    }
    if (this.#surplusMs > 0 && !this.#splice) this.#shorten();
    if (this.#written - this.#read < block.length * this.#rate + INTERPOLATION_MARGIN) this.#runDry(block);
    else this.#play(block);
  }

  /** Milliseconds that playback is meant to lag behind the fastest packet. */
  get targetMs(): number {
    return this.#target;
  }

  /** The delay of this packet over the fastest of the last ones. Moves the target towards the delay that they need. */
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
    return relative - Math.min(...this.#delays.slice(-RECENT));
  }

  /** `headroom`: the buffer's content if this packet had been as fast as the fastest. */
  #steer(headroom: number): void {
    this.#headrooms.push(headroom);
    if (this.#headrooms.length > HEADROOM_WINDOW) this.#headrooms.shift();
    if (this.#headrooms.length < 5) return;
    const sorted = [...this.#headrooms].sort((a, b) => a - b);
    const over = (sorted[sorted.length >> 1] as number) - this.#target;
    const correction = Math.max(-MAX_CORRECTION, Math.min(MAX_CORRECTION, over * CORRECTION_PER_MS));
    this.#rate = Math.abs(over) < TOLERATED_MS ? 1 : 1 + correction;
    this.#surplusMs = over > SHORTEN_BEYOND_MS ? over - SHORTEN_LEAVES_MS : 0;
    this.#compressing = over > (this.#compressing ? COMPRESS_LEAVES_MS : COMPRESS_BEYOND_MS);
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

  /** Begins a splice: over the pause that comes now, or over one stretch that sounds like the one before. */
  #shorten(): void {
    const spareMs = Math.min(this.#surplusMs, this.bufferedMs - this.#target - SPARE_MS - SPLICE_MS);
    if (spareMs < PERIOD_MS[0]) return;
    const start = Math.floor(this.#read);
    const most = (spareMs + PAUSE_LEAVES_MS) * this.#perMs;
    const threshold = Math.min(PAUSE_MOST, Math.max(PAUSE_LEAST, this.#loudest * PAUSE_SHARE));
    const quiet = quietSamples(this.#view, start, most, threshold);
    if (quiet >= PAUSE_MS * this.#perMs) {
      const lag = Math.floor(quiet - PAUSE_LEAVES_MS * this.#perMs);
      this.skippedMs += lag / this.#perMs;
      this.#splice = { lag, done: 0 };
    } else if (this.#compressing && start >= Math.max(this.#compressAt, this.#tryAt))
      this.#leaveOutPeriods(start, spareMs);
  }

  #leaveOutPeriods(start: number, spareMs: number): void {
    this.#tryAt = start + TRY_EVERY_MS * this.#perMs;
    const [shortest, longest] = PERIOD_MS.map((ms) => Math.round(Math.min(ms, spareMs) * this.#perMs));
    const length = SPLICE_MS * this.#perMs;
    const { lag, likeness } = bestLag(this.#view, start, length, shortest as number, longest as number);
    // Noise never resembles itself, and a splice in it is inaudible.
    if (likeness < ALIKE && start < this.#compressAt + WAIT_MS * this.#perMs) return;
    this.compressedMs += lag / this.#perMs;
    this.#compressAt = start + lag / COMPRESSION;
    this.#splice = { lag, done: 0 };
  }

  /** Fades out the rest of the buffer. Playback begins again when a frame is there. */
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
    this.#surplusMs = 0;
    this.#splice = null;
  }

  /** Interpolated, so that the rate can differ from 1; cross-faded where something is left out. */
  #play(block: Float32Array): void {
    for (let index = 0; index < block.length; index++) {
      if (this.#gain < 1) this.#gain = Math.min(1, this.#gain + 1 / FADE_SAMPLES);
      let sample = this.#at(this.#read);
      const splice = this.#splice;
      if (splice) {
        const share = splice.done++ / (SPLICE_MS * this.#perMs);
        sample = sample * (1 - share) + this.#at(this.#read + splice.lag) * share;
        if (share >= 1) this.#endSplice(splice.lag);
      }
      block[index] = sample * this.#gain;
      this.#read += this.#rate;
    }
    this.#measure(block, block.length);
  }

  #endSplice(lag: number): void {
    const ms = lag / this.#perMs;
    this.#read += lag;
    this.#splice = null;
    this.#surplusMs -= ms;
    this.#headrooms = this.#headrooms.map((headroom) => headroom - ms);
  }

  /** The sound at a position between samples: a cubic curve through the four around it. */
  #at(position: number): number {
    const ring = this.#ring;
    const at = Math.floor(position);
    const t = position - at;
    const before = ring[(at - 1) & MASK] as number;
    const from = ring[at & MASK] as number;
    const to = ring[(at + 1) & MASK] as number;
    const after = ring[(at + 2) & MASK] as number;
    const slope = (to - before) / 2;
    const curve = before - 2.5 * from + 2 * to - after / 2;
    const twist = (after - before) / 2 + 1.5 * (from - to);
    return ((twist * t + curve) * t + slope) * t + from;
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
