/** Tells from its loudness whether a side speaks. Pure: the clock comes with each level. */

const SPEAKING_DB = -45;
const QUIET_DB = -52; // less than that ends it: no flicker in between
const HOLD_MS = 500; // words have pauses
const NOTHING_DB = -90; // no room is so quiet: a switch is off
const NOTHING_MS = 4000;

/** The activity of one side. */
export interface Activity {
  speaking: boolean;
  /** Digital silence for seconds, from something that was never heard. One that was is only quiet: many are gated. */
  nothing: boolean;
  /** Whether anything but digital silence ever came. */
  heard: boolean;
  /** When it was last loud enough, and when anything came at all; ms on any clock. */
  loudAt: number;
  soundAt: number;
}

/** No sound yet. `heard`: whether this microphone was heard before. */
export function noActivity(now: number, heard = false): Activity {
  return { speaking: false, nothing: false, heard, loudAt: Number.NEGATIVE_INFINITY, soundAt: now };
}

/** `level`: root mean square, 0..1. */
export function nextActivity(before: Activity, level: number, now: number): Activity {
  const loud = decibels(level);
  const isLoud = loud > (before.speaking ? QUIET_DB : SPEAKING_DB);
  const loudAt = isLoud ? now : before.loudAt;
  const soundAt = loud > NOTHING_DB ? now : before.soundAt;
  const heard = before.heard || loud > NOTHING_DB;
  return { speaking: now - loudAt < HOLD_MS, nothing: !heard && now - soundAt >= NOTHING_MS, heard, loudAt, soundAt };
}

/** Full scale is 0; silence is -120. */
export function decibels(level: number): number {
  return 20 * Math.log10(Math.max(level, 1e-6));
}
