/** The one hint that the page shows now: the most pressing. */

import { computed, effect, signal, untracked } from "@preact/signals";
import { type Sample, type Trouble, trouble, withSample } from "../audio/quality";
import { check } from "../conversation/check";
import { stats } from "../conversation/current-call";
import { deviceProblem, echo, noMicrophone } from "../conversation/devices";
import { isUnderWay } from "../conversation/machine";
import { online } from "../conversation/network";
import { state } from "../conversation/state";
import { config } from "../service/availability";
import { youAre } from "./hearing";

/** The kinds of hints. */
export type Hint =
  | "offline"
  | "warning"
  | "noMicrophone"
  | "noSound"
  | "check"
  | Trouble
  | "device"
  | "newConversation"
  | "headphones"
  | "demo";

const broken = signal<Trouble | null>(null);

/** Null when there is nothing to say. */
export const hint = computed<Hint | null>(() => {
  const now = state.value;
  if (isUnderWay(now) && !online.value) return "offline";
  if (now.name === "live") {
    if (now.warning) return "warning";
    if (noMicrophone.value) return "noMicrophone";
    if (youAre.value === "noSound") return "noSound";
    if (broken.value) return broken.value;
  }
  if (check.value.name === "failed") return "check";
  if (check.value.name === "listening" && youAre.value === "noSound") return "noSound";
  if (deviceProblem.value && isUnderWay(now)) return "device";
  if (now.name === "live" && now.lost) return "newConversation";
  if (echo.value === "off") return "headphones";
  return !isUnderWay(now) && config.value?.moshi.info?.model.demo ? "demo" : null;
});

/** Follows the figures of the call; they come once a second. */
export function watchQuality(): void {
  let samples: readonly Sample[] = [];
  effect(() => {
    const latest = stats.value;
    const isLive = untracked(() => state.value.name === "live");
    samples = latest && isLive ? withSample(samples, latest, performance.now()) : [];
    broken.value = trouble(samples);
  });
}
