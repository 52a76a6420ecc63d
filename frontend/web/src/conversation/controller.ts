/** Runs the state machine against the browser and the service. */

import { batch } from "@preact/signals";
import { Call, type CallEvents } from "../audio/call";
import { closing, LOST } from "../audio/protocol/closing";
import type { ServerEvent } from "../audio/protocol/generated";
import { openAudio } from "../audio/speaker";
import { StepFailed } from "../audio/steps";
import { service, serviceSeen } from "../service/availability";
import { chatUrl, fetchConfig, reachesMoshi, trustUrl } from "../service/config";
import { asked } from "../service/personas";
import { valid } from "../service/settings";
import type { Config } from "../service/types";
import { strings } from "../strings";
import { endCheck } from "./check";
import { call, forgetLastCall, refreshStats } from "./current-call";
import { openMicrophone, replaceMicrophone, useSpeaker } from "./devices";
import {
  keepRecording,
  notRecorded,
  roomForRecording,
  sessionBegins,
  transcriptBegins,
  transcriptContinues,
  transcriptPiece,
} from "./history";
import { heard, silence } from "./loudness";
import { type Event, isOver, isUnderWay, next } from "./machine";
import { chosen, microphoneId, persona, pushToTalk, recording } from "./preferences";
import { stepReason } from "./reasons";
import { state } from "./state";

const POLL_MS = 1000;
const IDLE_POLL_MS = 5000; // and every second until the service is ready

/** The life of the current attempt or call. Aborting it stops the microphone and closes the sound, at any step. */
let end = new AbortController();
let retryTimer: ReturnType<typeof setTimeout> | undefined;

/** Checks the page's address, and follows the state of the service from now on. */
export async function open(): Promise<void> {
  if (!window.isSecureContext) send({ type: "insecure" });
  addEventListener("online", () => state.value.name === "reconnecting" && retryNow());
  addEventListener("pagehide", leavePage);
  document.addEventListener("visibilitychange", () => void lookAtService());
  for (;;) {
    await lookAtService();
    await new Promise((resolve) => setTimeout(resolve, service.value.name === "ready" ? IDLE_POLL_MS : POLL_MS));
  }
}

/** Only without a conversation, and only while the page is visible. */
async function lookAtService(): Promise<void> {
  if (isUnderWay(state.value) || document.visibilityState !== "visible") return;
  serviceSeen(await fetchConfig().catch(() => null));
}

/** Starts a conversation. Call it from a click: browsers start sound only then. */
export async function connect(): Promise<void> {
  if (!isOver(state.value)) return;
  endCheck(); // two open microphones would switch off each other's echo cancellation
  transcriptBegins();
  send({ type: "connect", muted: pushToTalk.value });
  await dial();
}

/** Tries again at once instead of waiting. */
export function retryNow(): void {
  if (state.value.name !== "busy" && state.value.name !== "reconnecting") return;
  send({ type: "retry" });
  void dial();
}

/** Hangs up, or cancels the attempt. */
export function disconnect(): void {
  refreshStats();
  send({ type: "disconnect", now: Date.now() });
}

/** The microphone must not stay open behind another page. The Back button may show this page again as it is now. */
function leavePage(): void {
  refreshStats();
  send({ type: "page left", now: Date.now() });
}

/** Mutes or unmutes; does nothing with push to talk. */
export function toggleMute(): void {
  const now = state.value;
  if (isUnderWay(now) && !pushToTalk.value) send({ type: "mute", muted: !now.muted });
}

/** Push to talk: while it is held, the microphone is open. */
export function hold(held: boolean): void {
  if (pushToTalk.value) send({ type: "mute", muted: !held });
}

/** Switches push to talk. It mutes until the person holds the button. */
export function choosePushToTalk(on: boolean): void {
  pushToTalk.value = on;
  send({ type: "mute", muted: on });
}

/** After the system gave the sound back. Call it from a click. */
export function resume(): void {
  void call.value?.resume().catch(() => undefined); // the page still says that it is interrupted
}

function send(event: Event): void {
  const before = state.value;
  const now = next(before, event);
  if (now === before) return;
  state.value = now;
  if (!isUnderWay(now)) leaveCall();
  if (isUnderWay(now)) call.value?.setMuted(now.muted);
  clearTimeout(retryTimer);
  if (now.name === "busy" || now.name === "reconnecting") {
    retryTimer = setTimeout(retryNow, Math.max(0, now.at - Date.now()));
  }
}

/** One attempt, from the microphone to the call. After a failure everything is released. */
async function dial(): Promise<void> {
  end.abort();
  const mine = new AbortController();
  end = mine;
  batch(() => {
    forgetLastCall();
    silence();
  });
  try {
    await attempt(mine);
  } catch (error) {
    if (mine.signal.aborted) return;
    mine.abort();
    const reason = error instanceof StepFailed ? stepReason(error.step) : strings.problems.audioFailed;
    send({ type: "failed", reason });
  }
}

/** @throws StepFailed, AbortError and other errors of browsers */
async function attempt(mine: AbortController): Promise<void> {
  const over = mine.signal;
  const context = openAudio(over);
  const microphone = await openMicrophone(microphoneId.value, over);
  over.throwIfAborted();
  if (typeof microphone === "string") return send({ type: "microphone refused", error: microphone });
  send({ type: "microphone granted" });
  const ready = await waitForModel(over);
  const now = state.value;
  if (!ready || !isUnderWay(now)) return;

  const wanted = recording.value;
  const room = wanted ? roomForRecording() : 0;
  const started = await Call.start({
    url: chatUrl(ready, location.href, {
      ...valid(chosen.value, ready.moshi.info?.settings ?? {}),
      ...asked(persona.value, ready.moshi.info?.personas),
    }),
    // A switch for support: ?codec=wasm leaves the browser's own encoder aside.
    codec: new URLSearchParams(location.search).get("codec") === "wasm" ? "wasm" : "auto",
    microphone,
    context,
    muted: now.muted,
    recordSeconds: room || null,
    events: eventsFor(over),
    end: mine,
  });
  over.throwIfAborted();
  call.value = started;
  const latest = state.value;
  if (isUnderWay(latest)) started.setMuted(latest.muted);
  if (started.recording) keepRecording(started.recording);
  notRecorded.value = started.recording || !wanted ? null : room > 0 ? "failed" : "full";
  void useSpeaker(started);
  if (!started.hasMicrophone) void replaceMicrophone(started); // it went while the call was made
}

/** Handlers for the events of one attempt. Once `over` is aborted they do nothing. */
function eventsFor(over: AbortSignal): CallEvents {
  const ifCurrent =
    <Arguments extends unknown[]>(handle: (...given: Arguments) => void) =>
    (...given: Arguments): void => {
      if (!over.aborted) handle(...given);
    };
  return {
    onLive: ifCurrent(() => {
      transcriptContinues(Date.now());
      send({ type: "handshake", now: Date.now() });
    }),
    onText: ifCurrent((piece) => transcriptPiece(piece, Date.now())),
    onServerEvent: ifCurrent(onServerEvent),
    onServerError: ifCurrent((reason) =>
      send({ type: "server said", reason, error: null, code: null, retryAfter: null }),
    ),
    onInterruption: ifCurrent((interrupted) => {
      send({ type: "interruption", interrupted });
      if (interrupted) silence();
    }),
    onMicrophoneLost: ifCurrent(() => {
      if (call.value) void replaceMicrophone(call.value);
    }),
    onLevels: ifCurrent(heard),
    onClose: ifCurrent((code, reason) => {
      refreshStats();
      send({ type: "closed", ...closing(code, reason), now: Date.now(), chance: Math.random() });
      leaveCall();
    }),
    onFailed: ifCurrent((step) => send({ type: "failed", reason: stepReason(step) })),
  };
}

function onServerEvent(event: ServerEvent): void {
  switch (event.type) {
    case "queue": {
      const { position, wait_seconds: waitSeconds, longest_wait_seconds: longestSeconds } = event;
      send({ type: "queue", position, waitSeconds, longestSeconds });
      return;
    }
    case "prefill": {
      const { done, total, seconds } = event;
      send({ type: "prefill", done, total, seconds });
      return;
    }
    case "session":
      sessionBegins(event.id, event.settings);
      return;
    case "warning":
      send({ type: "warning", why: event.why, seconds: event.seconds, now: Date.now() });
      return;
    case "end":
      send({
        type: "server said",
        reason: event.reason,
        error: event.error,
        code: event.code,
        retryAfter: event.retry_after,
      });
      return;
    case "stats":
      return;
  }
}

function leaveCall(): void {
  end.abort();
  call.value = null;
  silence();
}

/** Waits until the model is ready; null if the attempt ends before. @throws AbortError when the attempt is ended */
async function waitForModel(over: AbortSignal): Promise<Config | null> {
  while (!over.aborted) {
    const latest = await fetchConfig(over).catch(() => null);
    over.throwIfAborted();
    serviceSeen(latest);
    if (!latest) {
      send({
        type: "closed",
        code: LOST,
        reason: strings.problems.noConfig.text,
        error: strings.problems.noConfig.code,
        retryAfter: null,
        now: Date.now(),
        chance: Math.random(),
      });
      leaveCall();
      return null;
    }
    const { health } = latest.moshi;
    if (health.status !== "ready") {
      send({ type: "model not ready", health });
    } else if (latest.mode === "direct" && !(await reachesMoshi(latest, over))) {
      over.throwIfAborted();
      send({ type: "untrusted", url: trustUrl(latest) });
    } else {
      over.throwIfAborted();
      send({ type: "model ready" });
      return latest;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return null;
}
