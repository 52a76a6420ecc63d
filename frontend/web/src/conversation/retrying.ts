/** The page's own attempts to connect again: their times, and their number. */

import { LOST } from "../audio/protocol/closing";
import { CloseCode } from "../audio/protocol/generated";

const FIRST_MS = 1000;
/** The first attempts of all pages that one failure has cut off come within this time. */
const FIRST_SPREAD_MS = 2000;
const LONGEST_MS = 30_000;
const ATTEMPTS = 8; // some two minutes

const TEMPORARY = new Set<number>([
  LOST, // the network, or a service that died
  CloseCode.EngineFailed, // the service starts it again
  CloseCode.MoshiLost,
  CloseCode.TryLater, // full, or not ready
]);

/** Whether another attempt may succeed after a close with this code. */
export function isTemporary(code: number): boolean {
  return TEMPORARY.has(code);
}

/**
 * When to try again, in ms since the epoch; null when it has been tried often enough.
 *
 * `attempt`: failed attempts, from 1. `retryAfter`: the time that the service asks for, in seconds.
 * `chance`: 0..1, spreads the pages that were cut off together.
 */
export function retryAt(attempt: number, retryAfter: number | null, now: number, chance: number): number | null {
  if (attempt > ATTEMPTS) return null;
  const backOff =
    attempt === 1 ? FIRST_SPREAD_MS * chance : Math.min(FIRST_MS * 2 ** (attempt - 1), LONGEST_MS) * (0.5 + chance / 2);
  return now + Math.max(backOff, Math.min((retryAfter ?? 0) * 1000, LONGEST_MS));
}
