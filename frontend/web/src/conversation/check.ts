/** The test of the microphone before a conversation: is it the right one, and does it hear the person? */

import { batch, effect, signal } from "@preact/signals";
import { measure } from "../audio/check";
import { openAudio } from "../audio/speaker";
import { StepFailed } from "../audio/steps";
import { type Problem, strings } from "../strings";
import { openMicrophone } from "./devices";
import { inputActivity, microphoneChanged, microphoneHeard, silence } from "./loudness";
import { microphoneId } from "./preferences";
import { microphoneReason, stepReason } from "./reasons";

/** The test's state. */
export type Check =
  | { name: "off" }
  /** The browser asks for the microphone, or opens it. */
  | { name: "opening" }
  /** `device`: its name; empty where the browser does not tell. `heard`: the person has spoken. */
  | { name: "listening"; device: string; heard: boolean }
  | { name: "failed"; reason: Problem };

/** The microphone does not stay open for longer, because a person may forget the test. */
const LONGEST_MS = 60_000;

/** The test's state now. */
export const check = signal<Check>({ name: "off" });
let end = new AbortController();

/** Begins the test, also anew with another device. Call it from a click: browsers start sound only then. */
export async function beginCheck(): Promise<void> {
  endCheck();
  const mine = new AbortController();
  end = mine;
  const over = mine.signal;
  check.value = { name: "opening" };
  try {
    const context = openAudio(over);
    const stream = await openMicrophone(microphoneId.value, over);
    if (over.aborted) return;
    if (typeof stream === "string") return fail(mine, microphoneReason(stream));
    const track = stream.getAudioTracks()[0];
    track?.addEventListener("ended", () => over.aborted || void beginCheck());
    await measure(context, stream, microphoneHeard, over);
    if (over.aborted) return;
    batch(() => {
      microphoneChanged();
      check.value = { name: "listening", device: track?.label ?? "", heard: false };
    });
    const timer = setTimeout(endCheck, LONGEST_MS);
    over.addEventListener("abort", () => clearTimeout(timer));
  } catch (error) {
    if (over.aborted) return;
    fail(mine, error instanceof StepFailed ? stepReason(error.step) : strings.problems.audioFailed);
  }
}

/** Ends the test, and lets go of the microphone. Harmless without one. */
export function endCheck(): void {
  if (check.value.name === "off") return;
  end.abort();
  batch(() => {
    silence();
    check.value = { name: "off" };
  });
}

/** Ends the test behind another page, and repeats it with a microphone that is chosen meanwhile. */
export function watchCheck(): void {
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && endCheck());
  addEventListener("pagehide", endCheck);
  effect(() => {
    const now = check.value;
    if (now.name === "listening" && !now.heard && inputActivity.value.speaking) check.value = { ...now, heard: true };
  });
  let chosen = microphoneId.peek();
  effect(() => {
    const id = microphoneId.value;
    if (id !== chosen && check.peek().name !== "off") void beginCheck();
    chosen = id;
  });
}

function fail(mine: AbortController, reason: Problem): void {
  mine.abort();
  check.value = { name: "failed", reason };
}
