/** Both sides of the conversation, on one clock: input 0 is the microphone, input 1 is Moshi. */

import { RECORDER, type ToRecorder } from "./messages";
import { Stereo } from "./stereo";

class Recorder extends AudioWorkletProcessor {
  readonly #stereo = new Stereo((chunk) => this.port.postMessage(chunk, [chunk.buffer]));
  #muted = true;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<ToRecorder>) => {
      this.#muted = data.muted;
    };
  }

  process([microphone, moshi]: Float32Array[][]): boolean {
    const [left, right] = [microphone?.[0], moshi?.[0]];
    // Muted sound is not sent, and not recorded either.
    this.#stereo.add(this.#muted ? undefined : left, right, left?.length ?? right?.length ?? 128);
    return true;
  }
}

registerProcessor(RECORDER, Recorder);
