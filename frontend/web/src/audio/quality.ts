/** The cause of broken sound, from the figures of the last seconds. Pure: the clock comes with each sample. */

import { FRAME_MS } from "./codec/format";
import type { CallStats } from "./stats";

/** The side that causes broken sound. */
export type Trouble = "server" | "network";

/** The figures of a call at one time. `at`: ms on any clock. */
export interface Sample {
  at: number;
  stats: CallStats;
}

const WINDOW_MS = 10_000;
const ENOUGH = 3; // samples
const GAPS = 3;
const GAPS_MS = 300; // of silence in those gaps
const SILENCE_MS = 1000;
const LATE_MS = 500; // in the buffer beyond its target
const SLOW_STEP_MS = FRAME_MS; // a step that takes longer than its sound
const SLOW_LAG_MS = 300;
const SLOW_TRIP_MS = 200;

/** With one more sample, without those that are too old. A call that began anew starts from nothing. */
export function withSample(samples: readonly Sample[], stats: CallStats, at: number): readonly Sample[] {
  const last = samples.at(-1);
  const same = last === undefined || last.stats.messagesIn <= stats.messagesIn;
  return [...(same ? samples.filter((one) => at - one.at <= WINDOW_MS) : []), { at, stats }];
}

/** Null while all is well, or nothing is known yet. */
export function trouble(samples: readonly Sample[]): Trouble | null {
  const first = samples[0]?.stats;
  const last = samples.at(-1)?.stats;
  if (!first || !last || samples.length < ENOUGH) return null;
  const grown = (count: (stats: CallStats) => number): number => count(last) - count(first);
  const gaps = grown((stats) => stats.underruns);
  const silence = grown((stats) => stats.insertedMs);
  const unheard = grown((stats) => stats.droppedFrames);
  const unsent = grown((stats) => stats.droppedInputPackets);
  const late = samples.every(({ stats }) => stats.bufferMs - (stats.targetMs ?? 0) > LATE_MS);
  const broken = (gaps >= GAPS && silence >= GAPS_MS) || silence >= SILENCE_MS || late;
  if (!broken && unheard === 0 && unsent === 0) return null;
  if (unsent > 0) return "network";
  const middle = (figure: (stats: CallStats) => number | null): number =>
    median(samples.map((one) => figure(one.stats)));
  const isNear = middle((stats) => stats.roundTripMs) < SLOW_TRIP_MS;
  const isSlow = middle((stats) => stats.stepMs) > SLOW_STEP_MS;
  const isBehind = unheard > 0 || middle((stats) => stats.lagMs) > SLOW_LAG_MS;
  return isSlow || (isBehind && isNear) ? "server" : "network";
}

/** Of those that are known; 0 if none is. */
function median(values: readonly (number | null)[]): number {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  return known[known.length >> 1] ?? 0;
}
