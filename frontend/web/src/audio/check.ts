/** Measures the microphone before a call. Nothing is sent or kept. */

import { atEnd } from "./release";
import { step } from "./steps";

const EVERY_MS = 50;
const WINDOW_SAMPLES = 2048; // 43 ms

/**
 * Measures until `over`.
 *
 * @param onLevel root mean square 0..1, some 20 times a second
 * @throws DOMException if the browser does not take the stream; StepFailed if it does not start the sound; AbortError
 */
export async function measure(
  context: AudioContext,
  stream: MediaStream,
  onLevel: (rms: number) => void,
  over: AbortSignal,
): Promise<void> {
  const analyser = new AnalyserNode(context, { fftSize: WINDOW_SAMPLES });
  const source = context.createMediaStreamSource(stream);
  source.connect(analyser);
  await step("speaker", context.resume(), over);
  const samples = new Float32Array(WINDOW_SAMPLES);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    onLevel(Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length));
  }, EVERY_MS);
  atEnd(over, () => {
    clearInterval(timer);
    source.disconnect();
  });
}
