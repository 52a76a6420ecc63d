/** The states of a conversation and what leads from one to the next. Pure: the clock comes with the events. */

import type { Health } from "./config";
import { strings } from "./strings";

export type State =
  | { name: "idle" }
  | { name: "insecure"; url: string }
  | { name: "microphone" }
  | { name: "connecting"; said: string | null }
  | { name: "starting"; health: Health }
  | { name: "live"; since: number; said: string | null }
  | { name: "ended"; reason: string; seconds: number }
  | { name: "failed"; reason: string };

export type Event =
  | { type: "insecure"; url: string }
  | { type: "connect" }
  | { type: "microphone granted" }
  /** `name`: the DOMException's. */
  | { type: "microphone refused"; name: string }
  | { type: "model not ready"; health: Health }
  | { type: "model ready" }
  | { type: "handshake"; now: number }
  /** The server's own words, before it closes. They beat the close frame's. */
  | { type: "server said"; reason: string }
  | { type: "closed"; code: number; reason: string; now: number }
  | { type: "failed"; reason: string }
  | { type: "disconnect"; now: number };

export const INITIAL: State = { name: "idle" };

/** Events that a state does not expect change nothing: they come from a call that is already over. */
export function next(state: State, event: Event): State {
  switch (event.type) {
    case "insecure":
      return state.name === "idle" ? { name: "insecure", url: event.url } : state;
    case "connect":
      return isOver(state) ? { name: "microphone" } : state;
    case "microphone granted":
      return state.name === "microphone" ? { name: "connecting", said: null } : state;
    case "microphone refused":
      return state.name === "microphone" ? { name: "failed", reason: microphoneReason(event.name) } : state;
    case "model not ready":
      if (state.name !== "connecting" && state.name !== "starting") return state;
      return event.health.status === "failed"
        ? { name: "failed", reason: strings.modelFailed(event.health.detail) }
        : { name: "starting", health: event.health };
    case "model ready":
      return state.name === "starting" ? { name: "connecting", said: null } : state;
    case "handshake":
      return state.name === "connecting" ? { name: "live", since: event.now, said: null } : state;
    case "server said":
      return state.name === "connecting" || state.name === "live" ? { ...state, said: event.reason } : state;
    case "closed": {
      if (state.name !== "connecting" && state.name !== "live") return state;
      const reason = state.said ?? closeReason(event.code, event.reason);
      return state.name === "live"
        ? { name: "ended", reason, seconds: seconds(state.since, event.now) }
        : { name: "failed", reason };
    }
    case "failed":
      return isUnderWay(state) ? { name: "failed", reason: event.reason } : state;
    case "disconnect":
      if (state.name === "live") {
        return { name: "ended", reason: strings.hungUp, seconds: seconds(state.since, event.now) };
      }
      return isUnderWay(state) ? { name: "idle" } : state;
  }
}

/** Whether a call can begin. On an insecure page none can. */
export function isOver(state: State): boolean {
  return state.name === "idle" || state.name === "ended" || state.name === "failed";
}

/** Whether a call is being made or held. */
export function isUnderWay(state: State): boolean {
  return !isOver(state) && state.name !== "insecure";
}

/** The state in words. */
export function words(state: State, muted: boolean): string {
  switch (state.name) {
    case "idle":
      return strings.idle;
    case "insecure":
      return strings.insecure(state.url);
    case "microphone":
      return strings.askingForMicrophone;
    case "connecting":
      return strings.connecting;
    case "starting": {
      const { status, phase, progress, detail } = state.health;
      if (status === "unreachable") return strings.unreachable;
      if (status === "draining") return strings.draining;
      return strings.starting(phase, progress === null ? null : Math.round(progress * 100), detail);
    }
    case "live":
      return muted ? strings.liveMuted : strings.live;
    case "ended":
      return strings.ended(state.reason, strings.duration(state.seconds));
    case "failed":
      return strings.failed(state.reason);
  }
}

function seconds(from: number, to: number): number {
  return Math.round((to - from) / 1000);
}

function microphoneReason(name: string): string {
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return strings.microphoneDenied;
    case "NotFoundError":
    case "OverconstrainedError":
      return strings.microphoneMissing;
    case "NotReadableError":
    case "AbortError":
      return strings.microphoneBusy;
    default:
      return strings.microphoneOther(name);
  }
}

function closeReason(code: number, reason: string): string {
  if (reason) return reason;
  switch (code) {
    case 1000:
      return strings.finished;
    case 1001:
      return strings.goingAway;
    case 1006:
      return strings.lost;
    case 1008:
      return strings.notAllowed;
    case 1013:
      return strings.full;
    case 4000:
      return strings.tooSlow;
    default:
      return strings.closed(code);
  }
}
