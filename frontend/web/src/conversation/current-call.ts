/** The call that is being made or held, with its figures and its session. */

import { batch, signal } from "@preact/signals";
import type { Call } from "../audio/call";
import type { CallStats } from "../audio/stats";
import type { Session } from "./kept";

/** Null without a call. */
export const call = signal<Call | null>(null);
/** The figures of the call that is going on; the last ones stay when it is over. */
export const stats = signal<CallStats | null>(null);
/** The service's session, from its metadata on. */
export const session = signal<Session | null>(null);

/** Takes the figures of the call that is going on. */
export function refreshStats(): void {
  if (call.value) stats.value = call.value.stats();
}

/** Forgets the figures and the session of the last call. */
export function forgetLastCall(): void {
  batch(() => {
    stats.value = null;
    session.value = null;
  });
}
