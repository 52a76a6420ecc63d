/** Keeps the screen on while a conversation is under way: a phone that sleeps takes the microphone away. */

import { effect } from "@preact/signals";
import { isUnderWay } from "./machine";
import { state } from "./state";

/** Asks for a wake lock whenever a conversation is under way and the page is visible. */
export function keepAwake(): void {
  if (!("wakeLock" in navigator)) return;
  let lock: WakeLockSentinel | null = null;
  let wanted = false;
  const update = async (): Promise<void> => {
    if (wanted && document.visibilityState === "visible" && (lock === null || lock.released)) {
      lock = await navigator.wakeLock.request("screen").catch(() => null); // a low battery may refuse
    }
    if (!wanted) await lock?.release();
  };
  effect(() => {
    const now = isUnderWay(state.value);
    if (now === wanted) return;
    wanted = now;
    void update();
  });
  // The browser lets go of it when the page is hidden.
  document.addEventListener("visibilitychange", () => void update());
}
