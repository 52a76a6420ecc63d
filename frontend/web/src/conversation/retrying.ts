/** The page's own attempts to connect again: their times, and their number. */

import { CloseCode } from "../audio/protocol/close-code";

const FIRST_MS = 1000;
const LONGEST_MS = 30_000;
const ATTEMPTS = 8; // some two minutes

const TEMPORARY = new Set<number>([
  CloseCode.lost, // the network, or a service that died
  CloseCode.engineFailed, // the service starts it again
  CloseCode.moshiLost,
  CloseCode.tryLater, // full, or not ready
]);

/** Whether another attempt may succeed after a close with this code. */
export function isTemporary(code: number): boolean {
  return TEMPORARY.has(code);
}

/**
 * When to try again, in ms since the epoch; null when it has been tried often enough.
 *
 * `attempt`: failed attempts, from 1. `reason`: the close frame's, which may end with "Retry-After: seconds".
 * `chance`: 0..1, spreads the pages that were cut off together.
 */
export function retryAt(attempt: number, reason: string, now: number, chance: number): number | null {
  if (attempt > ATTEMPTS) return null;
  const asked = /Retry-After: (\d+)/.exec(reason)?.[1];
  const backOff = Math.min(FIRST_MS * 2 ** (attempt - 1), LONGEST_MS) * (0.5 + chance / 2);
  return now + Math.max(backOff, asked ? Math.min(Number(asked) * 1000, LONGEST_MS) : 0);
}
