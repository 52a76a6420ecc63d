/** Microphones and speakers: which there are, which is used, and how well the echo is kept out. */

import { signal } from "@preact/signals";
import { noActivity } from "./activity";
import { microphoneId, speakerId } from "./preferences";
import { call, tracks } from "./store";

export interface Device {
  id: string;
  /** Empty until the microphone was allowed once. */
  label: string;
}

export type Echo = "unknown" | "on" | "off" | "weak";
export type DeviceProblem = "gone" | "failed";

export const microphones = signal<readonly Device[]>([]);
export const speakers = signal<readonly Device[]>([]);
export const echo = signal<Echo>("unknown");
export const deviceProblem = signal<DeviceProblem | null>(null);
/** Firefox lists only the speakers that the person has picked in its own dialog. */
export function asksForSpeaker(): boolean {
  return Boolean(navigator.mediaDevices) && "selectAudioOutput" in navigator.mediaDevices;
}

/** Firefox subtracts some 32 dB of echo, which speech is heard through; Chromium 70. */
const WEAK_ECHO_CANCELLATION = /Firefox\//;

/** Keep the lists up to date, now and whenever something is plugged in or out. */
export function watchDevices(): void {
  if (!navigator.mediaDevices) return; // an insecure page
  void listDevices();
  navigator.mediaDevices.addEventListener("devicechange", () => void listDevices().then(followDevices));
}

/** The microphone, or the name of what stood in the way. One that is gone is replaced by the system's own. */
export async function openMicrophone(id: string): Promise<MediaStream | string> {
  try {
    const stream = await request(id);
    microphoneOpened(stream);
    return stream;
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "Error";
    if (!id || (name !== "OverconstrainedError" && name !== "NotFoundError")) return name;
    deviceProblem.value = "gone";
    return openMicrophone("");
  }
}

/** From now on, and in a call that is going on. */
export async function chooseMicrophone(id: string): Promise<void> {
  const before = microphoneId.value;
  microphoneId.value = id;
  deviceProblem.value = null;
  if (!call.value) {
    tracks.input.value = noActivity(performance.now());
    return;
  }
  const stream = await openMicrophone(id);
  if (typeof stream === "string") {
    microphoneId.value = before;
    deviceProblem.value = "failed";
    return;
  }
  if (call.value) await call.value.setMicrophone(stream);
  else stopTracks(stream); // it ended meanwhile
  tracks.input.value = noActivity(performance.now()); // another one, which was not heard yet
}

export async function chooseSpeaker(id: string): Promise<void> {
  const before = speakerId.value;
  speakerId.value = id;
  deviceProblem.value = null;
  try {
    await call.value?.setSpeaker(id);
  } catch {
    speakerId.value = before;
    deviceProblem.value = "failed";
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

export function stopTracks(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

function request(id: string): Promise<MediaStream> {
  const wanted: MediaTrackConstraints = {
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
    channelCount: 1,
  };
  if (id) wanted.deviceId = { exact: id };
  return navigator.mediaDevices.getUserMedia({ audio: wanted });
}

function microphoneOpened(stream: MediaStream): void {
  const cancels = stream.getAudioTracks()[0]?.getSettings().echoCancellation;
  if (cancels === undefined) echo.value = "unknown";
  else if (!cancels) echo.value = "off";
  else echo.value = WEAK_ECHO_CANCELLATION.test(navigator.userAgent) ? "weak" : "on";
  void listDevices(); // now they have names
}

async function listDevices(): Promise<void> {
  const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  const of = (kind: MediaDeviceKind): Device[] =>
    devices
      // "default" and "communications" are the browser's other names for one of them.
      .filter((device) => device.kind === kind && !["", "default", "communications"].includes(device.deviceId))
      .map(({ deviceId, label }) => ({ id: deviceId, label }));
  microphones.value = of("audioinput");
  speakers.value = of("audiooutput");
}

/** In a call: back to the system's device when the chosen one is pulled out. */
async function followDevices(): Promise<void> {
  if (!call.value) return;
  const has = (devices: readonly Device[], id: string): boolean => devices.some((device) => device.id === id);
  if (microphoneId.value && !has(microphones.value, microphoneId.value)) {
    const stream = await openMicrophone("");
    if (typeof stream !== "string") await call.value?.setMicrophone(stream);
    tracks.input.value = noActivity(performance.now());
    deviceProblem.value = "gone";
  }
  if (speakerId.value && !has(speakers.value, speakerId.value)) {
    await call.value?.setSpeaker("").catch(() => undefined);
    deviceProblem.value = "gone";
  }
}
