/** Microphones and speakers: the lists, the ones in use, and the quality of echo cancellation. */

import { signal } from "@preact/signals";
import type { Call } from "../audio/call";
import { requestMicrophone } from "../audio/microphone";
import { stopTracks } from "../audio/release";
import { within } from "../common/timeout";
import { call } from "./current-call";
import { microphoneChanged } from "./loudness";
import { microphoneId, speakerId } from "./preferences";

/** A microphone or a speaker. */
export interface Device {
  id: string;
  /** Empty until the microphone was allowed once. */
  label: string;
}

/** The state of echo cancellation. Firefox's is weak. */
export type Echo = "unknown" | "on" | "off" | "weak";
/** A problem with a device while the conversation goes on. */
export type DeviceProblem = "gone" | "replaced" | "failed" | "slow" | "unlisted";
/** Why a conversation has no microphone. */
export type NoMicrophone = "missing" | "denied" | "stopped";

/** The microphones that are plugged in. */
export const microphones = signal<readonly Device[]>([]);
/** The speakers that are plugged in and that the browser lists. */
export const speakers = signal<readonly Device[]>([]);
/** Echo cancellation of the microphone that was opened last. */
export const echo = signal<Echo>("unknown");
/** The latest problem; null after the next choice. */
export const deviceProblem = signal<DeviceProblem | null>(null);
/** Null while the conversation has a microphone. */
export const noMicrophone = signal<NoMicrophone | null>(null);
/** Firefox lists only the speakers that the person has picked in its own dialog. */
export function asksForSpeaker(): boolean {
  return Boolean(navigator.mediaDevices) && "selectAudioOutput" in navigator.mediaDevices;
}

const LIST_MS = 5000;

/** Firefox subtracts some 32 dB of echo, which speech is heard through; Chromium 70. */
const WEAK_ECHO_CANCELLATION = /Firefox\//;

/** Keep the lists up to date and the microphone open, whenever something is plugged in or out, or allowed again. */
export function watchDevices(): void {
  if (!navigator.mediaDevices) return; // an insecure page
  void listDevices();
  navigator.mediaDevices.addEventListener("devicechange", () => void followDevices());
  void followPermission();
}

/** Held here, because a browser may collect a status that only its listener refers to. */
let permission: PermissionStatus | null = null;

async function followPermission(): Promise<void> {
  try {
    permission = await navigator.permissions.query({ name: "microphone" });
    permission.addEventListener("change", () => void followDevices());
  } catch {
    // Older browsers do not tell. The person connects again there.
  }
}

/**
 * The microphone, or the name of the browser's error. The system's own replaces one that is gone.
 *
 * @param over the end of the call that the stream is for: it stops the stream, also one that is granted later
 */
export async function openMicrophone(id: string, over: AbortSignal): Promise<MediaStream | string> {
  try {
    const stream = await requestMicrophone(id, over);
    microphoneOpened(stream);
    return stream;
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "Error";
    if (!id || over.aborted || (name !== "OverconstrainedError" && name !== "NotFoundError")) return name;
    deviceProblem.value = "gone";
    return openMicrophone("", over);
  }
}

/** From now on, and in a call that is going on. */
export async function chooseMicrophone(id: string): Promise<void> {
  const before = microphoneId.value;
  microphoneId.value = id;
  deviceProblem.value = null;
  const held = call.value;
  const error = held && (await changeMicrophone(held, id)).error;
  if (held && error) {
    if (microphoneId.value !== id) return;
    microphoneId.value = before;
    if (held.hasMicrophone) deviceProblem.value = "failed";
    else noMicrophone.value = why(error);
    return;
  }
  if (!held) microphoneChanged();
}

/** From now on, and in a call that is going on. */
export async function chooseSpeaker(id: string): Promise<void> {
  const before = speakerId.value;
  speakerId.value = id;
  deviceProblem.value = null;
  try {
    await call.value?.setSpeaker(id);
  } catch {
    if (speakerId.value !== id) return;
    speakerId.value = before;
    deviceProblem.value = "failed";
  }
}

/** The chosen speaker for a call that begins. The call goes on with the system's one where that fails. */
export async function useSpeaker(begun: Call): Promise<void> {
  if (!speakerId.value) return;
  try {
    await begun.setSpeaker(speakerId.value);
  } catch (error) {
    if (begun.over.aborted) return;
    deviceProblem.value = error instanceof DOMException && error.name === "TimeoutError" ? "slow" : "gone";
  }
}

/** Let the person pick in the browser's own dialog. Call it from a click: browsers open it only then. */
export async function askForSpeaker(): Promise<void> {
  const devices = navigator.mediaDevices as MediaDevices & { selectAudioOutput(): Promise<MediaDeviceInfo> };
  const picked = await devices.selectAudioOutput().catch(() => null);
  if (!picked) return; // closed without a choice
  await listDevices();
  await chooseSpeaker(picked.deviceId);
}

/** Counts the changes: the last request wins, in whatever order the browser grants them. */
let changes = 0;

/**
 * `error`: the name of the browser's error; the microphone before is then still in use. `changed`: false too if the
 * call ended or a later change won.
 */
async function changeMicrophone(held: Call, id: string): Promise<{ changed: boolean; error: string | null }> {
  const mine = ++changes;
  const stream = await openMicrophone(id, held.over);
  const counts = mine === changes && !held.over.aborted;
  if (typeof stream === "string") return { changed: false, error: counts ? stream : null };
  if (!counts) {
    stopTracks(stream);
    return { changed: false, error: null };
  }
  try {
    held.setMicrophone(stream);
    microphoneChanged();
    return { changed: true, error: null };
  } catch {
    return { changed: false, error: "NotReadableError" };
  }
}

/** In a call whose microphone ended: open the chosen one again, or the system's. Without any, the call goes on. */
export async function replaceMicrophone(held: Call): Promise<void> {
  const id = microphoneId.value;
  const before = noMicrophone.value;
  const { changed, error } = await changeMicrophone(held, id);
  if (error) noMicrophone.value = why(error);
  // No message for the chosen one, nor for one just plugged in for it. "gone" is the message when it is lost.
  else if (changed && !id && !before) deviceProblem.value = "replaced";
}

function why(error: string): NoMicrophone {
  if (error === "NotFoundError" || error === "OverconstrainedError") return "missing";
  return error === "NotAllowedError" || error === "SecurityError" ? "denied" : "stopped";
}

function microphoneOpened(stream: MediaStream): void {
  noMicrophone.value = null;
  const cancels = stream.getAudioTracks()[0]?.getSettings().echoCancellation;
  if (cancels === undefined) echo.value = "unknown";
  else if (!cancels) echo.value = "off";
  else echo.value = WEAK_ECHO_CANCELLATION.test(navigator.userAgent) ? "weak" : "on";
  void listDevices(); // now they have names
}

async function listDevices(): Promise<void> {
  let devices: MediaDeviceInfo[];
  try {
    devices = await within(LIST_MS, navigator.mediaDevices.enumerateDevices());
    if (deviceProblem.value === "unlisted") deviceProblem.value = null;
  } catch {
    deviceProblem.value ??= "unlisted";
    return;
  }
  const of = (kind: MediaDeviceKind): Device[] =>
    devices
      // "default" and "communications" are the browser's other names for one of them.
      .filter((device) => device.kind === kind && !["", "default", "communications"].includes(device.deviceId))
      .map(({ deviceId, label }) => ({ id: deviceId, label }));
  microphones.value = of("audioinput");
  speakers.value = of("audiooutput");
}

/** In a call: use the system's device when the chosen one is unplugged, and the chosen one when it comes back. */
async function followDevices(): Promise<void> {
  const before = microphones.value;
  await listDevices();
  const held = call.value;
  if (!held) return;
  const has = (devices: readonly Device[], id: string): boolean => devices.some((device) => device.id === id);
  const chosen = microphoneId.value;
  const [had, hasNow] = [has(before, chosen), has(microphones.value, chosen)];
  if (!held.hasMicrophone) {
    await replaceMicrophone(held);
  } else if (had && !hasNow) {
    const { changed, error } = await changeMicrophone(held, "");
    if (changed) deviceProblem.value = "gone";
    else if (error) deviceProblem.value = "failed";
  } else if (!had && hasNow && (await changeMicrophone(held, chosen)).changed && deviceProblem.value === "gone") {
    deviceProblem.value = null;
  }
  if (speakerId.value && !has(speakers.value, speakerId.value)) {
    await held.setSpeaker("").catch(() => undefined);
    deviceProblem.value = "gone";
  }
}
