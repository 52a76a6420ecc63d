/** Finds where a stretch of sound can be left out unheard. Pure; positions are samples in a ring. */

/** Samples in a power of two, read with a mask. */
export interface Ring {
  readonly samples: Float32Array;
  readonly mask: number;
}

const STEP = 4; // samples: the search looks at every fourth, which is 6 kHz of speech at 24 kHz and enough for a pitch

/**
 * How many samples after `start` are quiet, in whole blocks.
 *
 * @param threshold mean square above which a block is sound
 * @param most samples to look at
 */
export function quietSamples({ samples, mask }: Ring, start: number, most: number, threshold: number): number {
  const block = 128;
  let quiet = 0;
  while (quiet + block <= most) {
    let energy = 0;
    for (let index = quiet; index < quiet + block; index++) energy += (samples[(start + index) & mask] as number) ** 2;
    if (energy / block > threshold) break;
    quiet += block;
  }
  return quiet;
}

/**
 * The distance between `shortest` and `longest` after which the sound is most like itself, and how alike: 1 is the same,
 * 0 is unrelated. A voice repeats itself once a pitch period, so leaving out one or more periods is hardly heard.
 *
 * @param length samples that are compared, and later cross-faded
 */
export function bestLag(
  { samples, mask }: Ring,
  start: number,
  length: number,
  shortest: number,
  longest: number,
): { lag: number; likeness: number } {
  let here = 0;
  for (let index = 0; index < length; index += STEP) here += (samples[(start + index) & mask] as number) ** 2;
  let best = { lag: shortest, likeness: Number.NEGATIVE_INFINITY };
  for (let lag = shortest; lag <= longest; lag += STEP / 2) {
    let product = 0;
    let there = 0;
    for (let index = 0; index < length; index += STEP) {
      const later = samples[(start + index + lag) & mask] as number;
      product += (samples[(start + index) & mask] as number) * later;
      there += later * later;
    }
    const likeness = product / Math.sqrt(here * there + 1e-12);
    if (likeness > best.likeness) best = { lag, likeness };
  }
  return best;
}
