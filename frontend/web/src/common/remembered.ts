/** Signals that this browser remembers. Their values never leave it. */

import { effect, type Signal, signal } from "@preact/signals";

const PREFIX = "scenario6.";

/** A signal that survives a reload. Where storage is forbidden or its value is bad, it begins at `fallback`. */
export function remembered<T>(name: string, fallback: T, accepts: (value: unknown) => boolean): Signal<T> {
  const held = signal(read(name, fallback, accepts));
  effect(() => {
    write(name, held.value);
  });
  return held;
}

/** For `remembered`. */
export function isBoolean(value: unknown): boolean {
  return typeof value === "boolean";
}

/** For `remembered`. */
export function isString(value: unknown): boolean {
  return typeof value === "string";
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
    // Private windows and full disks: the value holds for this tab.
  }
}
