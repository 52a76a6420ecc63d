/** Worker to speaker, through the jitter buffer. */

import type { Samples } from "../codec/format";
import { JitterBuffer } from "./jitter-buffer";
import { PLAYBACK, type PlaybackReport, type ToPlayback } from "./messages";

const REPORTS_PER_SECOND = 20;

class Playback extends AudioWorkletProcessor {
  readonly #buffer = new JitterBuffer(sampleRate);
  readonly #reportEvery = Math.round(sampleRate / REPORTS_PER_SECOND);
  #sinceReport = 0;
  #energy = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<ToPlayback>) => {
      data.port.onmessage = (message: MessageEvent<Samples>) => {
        this.#buffer.push(message.data, (currentFrame / sampleRate) * 1000);
      };
    };
  }

  process(_inputs: Float32Array[][], [output]: Float32Array[][]): boolean {
    const block = output?.[0];
    if (!block) return true;
    this.#buffer.pull(block);
    for (const sample of block) this.#energy += sample * sample;
    this.#sinceReport += block.length;
    if (this.#sinceReport >= this.#reportEvery) this.#report();
    return true;
  }

  #report(): void {
    const { playedSamples, sumOfSquares, peak, underruns, insertedMs, bufferedMs, targetMs } = this.#buffer;
    const report: PlaybackReport = {
      level: Math.sqrt(this.#energy / this.#sinceReport),
      playedSeconds: playedSamples / sampleRate,
      playedRms: playedSamples > 0 ? Math.sqrt(sumOfSquares / playedSamples) : 0,
      peak,
      underruns,
      insertedMs,
      bufferMs: bufferedMs,
      targetMs,
    };
    this.port.postMessage(report);
    this.#sinceReport = 0;
    this.#energy = 0;
  }
}

registerProcessor(PLAYBACK, Playback);
