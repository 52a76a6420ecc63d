/** The activity of each side: speaking, silent, muted, heard or not. */

import { computed } from "@preact/signals";
import { check } from "../conversation/check";
import { noMicrophone } from "../conversation/devices";
import { inputActivity, outputActivity } from "../conversation/loudness";
import { state } from "../conversation/state";
import type { Strings } from "../strings";

type Word = keyof Strings["activity"];

/** The person's side. */
export const youAre = computed<Word>(() => {
  const now = state.value;
  if (now.name === "connecting" || now.name === "queued" || now.name === "prefill") return "waiting";
  if (now.name !== "live") return tested();
  if (now.interrupted) return "interrupted";
  if (noMicrophone.value) return "noMicrophone";
  if (now.muted) return inputActivity.value.speaking ? "mutedSpeaking" : "muted";
  if (inputActivity.value.nothing) return "noSound";
  return inputActivity.value.speaking ? "heard" : "silent";
});

/** Moshi's side. */
export const moshiIs = computed<Word>(() => {
  const now = state.value;
  if (now.name !== "live") return "off";
  if (now.interrupted) return "interrupted";
  return outputActivity.value.speaking ? "speaking" : "listening";
});

/** The person's side before a conversation. */
function tested(): Word {
  const test = check.value;
  if (test.name === "opening") return "opening";
  if (test.name !== "listening") return "off";
  if (test.heard) return "tested";
  return inputActivity.value.nothing ? "noSound" : "testing";
}
