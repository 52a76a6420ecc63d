/** The format of the sound. Page, worker, worklets and codec agree on it. */

/** Length of one Opus packet of the microphone. */
export const PACKET_MS = 20;
/** Length of one frame: the speech that the model takes in and gives out in one step. */
export const FRAME_MS = 80;
/** Samples a second of the page's sound. Ogg positions count at this rate too, whatever the stream's own rate. */
export const SAMPLE_RATE = 48_000;
/** Samples of one packet at that rate. */
export const PACKET_SAMPLES = (SAMPLE_RATE / 1000) * PACKET_MS;
/** Samples a second of the model's voice, and of recordings. */
export const MODEL_RATE = 24_000;

/** Mono sound, -1..1. A message moves its buffer from one thread to the other. */
export type Samples = Float32Array<ArrayBuffer>;
