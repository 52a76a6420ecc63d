/** `window.scenario6`: the figures for support engineers and tests. Read-only. */

import type { CallStats } from "../audio/stats";
import { refreshStats, stats } from "../conversation/current-call";
import { state } from "../conversation/state";
import { captionsLength } from "../transcript/captions";

/** The figures of the call, if there was one, and the page's own. */
export type SupportStats = { state: string; captionsLength: number } & Partial<CallStats>;

declare global {
  interface Window {
    readonly scenario6: { stats(): SupportStats };
  }
}

/** Defines `window.scenario6`. */
export function offerSupport(): void {
  Object.defineProperty(window, "scenario6", {
    value: Object.freeze({
      stats: (): SupportStats => {
        refreshStats();
        return { state: state.value.name, captionsLength: captionsLength.value, ...stats.value };
      },
    }),
  });
}
