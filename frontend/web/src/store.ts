/** What the page shows, as signals. controller.ts writes them, components read them. */

import { computed, signal } from "@preact/signals";
import { type Activity, noActivity } from "./audio/activity";
import type { Call, CallStats } from "./audio/types";
import type { Session } from "./conversation/kept";
import { INITIAL, type State } from "./conversation/machine";
import type { Service } from "./service/availability";
import type { Config } from "./service/config";
import type { Line } from "./transcript/transcript";

export const state = signal<State>(INITIAL);
export const config = signal<Config | null>(null);
/** How the service was when it was looked at last. */
export const service = signal<Service>({ name: "unknown" });
/** The call that is being made or held. */
export const call = signal<Call | null>(null);
export const settingsOpen = signal(false);

/** Root mean square 0..1, some 20 times a second; null when nothing is measured. Two equal levels are two objects. */
export interface Level {
  readonly value: { readonly rms: number } | null;
}
export const inputLevel = signal<Level["value"]>(null);
export const outputLevel = signal<Level["value"]>(null);
const inputTrack = signal<Activity>(noActivity(0));
const outputTrack = signal<Activity>(noActivity(0));
export const tracks = { input: inputTrack, output: outputTrack };
/** The same, but news only when something changes that a person would see. */
export const inputActivity = seen(inputTrack);
export const outputActivity = seen(outputTrack);

export const lines = signal<readonly Line[]>([]);
/** Characters said since the call began, those no longer kept included. */
export const captionsLength = signal(0);
/** What a screen reader was not told yet. */
export const unannounced = signal("");

/** The figures of the call that is going on; the last ones stay when it is over. */
export const stats = signal<CallStats | null>(null);
export const session = signal<Session | null>(null);

function seen(track: { readonly value: Activity }) {
  const speaking = computed(() => track.value.speaking);
  const nothing = computed(() => track.value.nothing);
  return computed(() => ({ speaking: speaking.value, nothing: nothing.value }));
}
