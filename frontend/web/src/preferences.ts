/** What this browser remembers of its person. It never leaves the browser. */

import { effect, type Signal, signal } from "@preact/signals";
import { isPersona, NOBODY, type Persona } from "./service/personas";
import type { Chosen } from "./service/settings";

const PREFIX = "scenario6.";

export type Theme = "system" | "light" | "dark";

export const theme = remembered<Theme>("theme", "system", (value) => value === "light" || value === "dark");
export const pushToTalk = remembered("push-to-talk", false, isBoolean);
export const recording = remembered("record", false, isBoolean);
export const shortcuts = remembered("shortcuts", true, isBoolean);
/** A device's id; empty for the system's default. */
export const microphoneId = remembered("microphone", "", isString);
export const speakerId = remembered("speaker", "", isString);
/** What the person has changed of moshi's settings. */
export const chosen = remembered<Chosen>("settings", {}, isChosen);
/** Who the person wants to talk to. */
export const persona = remembered<Persona>("persona", NOBODY, isPersona);

/** Shows the theme that was chosen, now and later. */
export function followTheme(root: HTMLElement): void {
  effect(() => {
    root.dataset["theme"] = theme.value;
  });
}

/** A signal that survives a reload. Where storage is forbidden, or holds nonsense, it begins at `fallback`. */
function remembered<T>(name: string, fallback: T, accepts: (value: unknown) => boolean): Signal<T> {
  const held = signal(read(name, fallback, accepts));
  effect(() => {
    write(name, held.value);
  });
  return held;
}

function read<T>(name: string, fallback: T, accepts: (value: unknown) => boolean): T {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(PREFIX + name) ?? "null");
    return accepts(value) ? (value as T) : fallback;
  } catch {
    return fallback;
  }
}

function write(name: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Private windows and full disks: it holds for this tab.
  }
}

function isBoolean(value: unknown): boolean {
  return typeof value === "boolean";
}

function isString(value: unknown): boolean {
  return typeof value === "string";
}

function isChosen(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((one) => typeof one === "number" || typeof one === "string");
}
