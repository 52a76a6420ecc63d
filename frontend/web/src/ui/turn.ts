/** Calls a person back from another tab when the microphone goes live: by title, sound and notification. */

import { effect, signal } from "@preact/signals";
import type { State } from "../conversation/machine";
import { state } from "../conversation/state";
import { strings } from "../strings";

const WAITING: readonly State["name"][] = ["queued", "starting", "busy", "reconnecting", "untrusted"];
const PASSING: readonly State["name"][] = ["connecting", "prefill"];
const NOTES = [660, 880]; // Hz
const NOTE_SECONDS = 0.12;
const LOUDNESS = 0.08;

/** Whether the person was left waiting on the way to this state. */
export function waited(before: boolean, name: State["name"]): boolean {
  return WAITING.includes(name) || (before && PASSING.includes(name));
}

/** The page's title. `calling`: the turn has come, and the person has not looked yet. */
export function titleFor(now: State, calling: boolean): string {
  if (calling) return `${strings.yourTurn.title}: ${strings.title}`;
  return now.name === "queued" ? `(${now.position}) ${strings.title}` : strings.title;
}

type Permission = NotificationPermission | "absent";
const permission = (): Permission => ("Notification" in globalThis ? Notification.permission : "absent");

/** The person's answer to notifications. */
export const notifications = signal<Permission>(permission());

/** Ask for notifications. Call it from a click: browsers ask only then. */
export async function askToNotify(): Promise<void> {
  await Notification.requestPermission().catch(() => undefined);
  notifications.value = permission();
}

/** Follows the state from now on. */
export function announceTurns(): void {
  const calling = signal(false);
  let waiting = false;
  let shown: Notification | null = null;
  const looked = (): void => {
    if (!isLooking()) return;
    calling.value = false;
    shown?.close();
  };
  addEventListener("focus", looked);
  document.addEventListener("visibilitychange", looked);
  effect(() => {
    const { name } = state.value;
    if (name === "live" && waiting) {
      void chime();
      if (!isLooking()) {
        calling.value = true;
        shown = notify();
      }
    } else if (name !== "live") {
      calling.value = false;
      shown?.close();
    }
    waiting = waited(waiting, name);
  });
  effect(() => {
    document.title = titleFor(state.value, calling.value);
  });
}

function isLooking(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}

function notify(): Notification | null {
  if (permission() !== "granted") return null;
  try {
    const { title, detail } = strings.yourTurn;
    const shown = new Notification(title, { body: detail, tag: "scenario6-turn" });
    shown.onclick = () => {
      window.focus();
      shown.close();
    };
    return shown;
  } catch {
    return null; // Chrome on Android has only those of service workers
  }
}

/** Two short notes. */
async function chime(): Promise<void> {
  const context = new AudioContext();
  try {
    const volume = new GainNode(context, { gain: LOUDNESS });
    volume.connect(context.destination);
    NOTES.forEach((frequency, index) => {
      const note = new OscillatorNode(context, { frequency });
      note.connect(volume);
      note.start(context.currentTime + index * NOTE_SECONDS);
      note.stop(context.currentTime + (index + 1) * NOTE_SECONDS);
    });
    await new Promise((resolve) => setTimeout(resolve, 1000));
  } finally {
    await context.close();
  }
}
