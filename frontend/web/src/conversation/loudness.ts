/** The loudness of both sides, and whether they speak. */

import { batch, computed, signal } from "@preact/signals";
import { type Activity, nextActivity, noActivity } from "../audio/activity";

/** Root mean square 0..1, some 20 times a second; null when nothing is measured. Two equal levels are two objects. */
export interface Level {
  readonly value: { readonly rms: number } | null;
}

/** Of the microphone. */
export const inputLevel = signal<Level["value"]>(null);
/** Of Moshi. */
export const outputLevel = signal<Level["value"]>(null);
const input = signal<Activity>(noActivity(0));
const output = signal<Activity>(noActivity(0));
/** Change only when a person would see it. */
export const inputActivity = visible(input);
/** See `inputActivity`. */
export const outputActivity = visible(output);

/** Takes the latest root mean squares of the microphone and of Moshi. */
export function heard(inputRms: number, outputRms: number): void {
  batch(() => {
    microphoneHeard(inputRms);
    outputLevel.value = { rms: outputRms };
    output.value = nextActivity(output.value, outputRms, performance.now());
  });
}

/** Takes the latest root mean square of the microphone, where there is no conversation. */
export function microphoneHeard(rms: number): void {
  batch(() => {
    inputLevel.value = { rms };
    input.value = nextActivity(input.value, rms, performance.now());
  });
}

/** Nothing is measured any more. The microphone is still the same. */
export function silence(): void {
  batch(() => {
    inputLevel.value = outputLevel.value = null;
    const now = performance.now();
    input.value = noActivity(now, input.value.heard);
    output.value = noActivity(now);
  });
}

/** Another microphone, which was not heard yet. */
export function microphoneChanged(): void {
  input.value = noActivity(performance.now());
}

function visible(activity: { readonly value: Activity }) {
  const speaking = computed(() => activity.value.speaking);
  const nothing = computed(() => activity.value.nothing);
  return computed(() => ({ speaking: speaking.value, nothing: nothing.value }));
}
