/** The states of a conversation and the events between them. Pure: clock and chance come with the events. */

import type { Closing } from "../audio/protocol/closing";
import { CloseCode } from "../audio/protocol/generated";
import type { Health } from "../service/types";
import { type Problem, strings } from "../strings";
import { closeReason, microphoneReason, modelReason, withoutAdvice } from "./reasons";
import { isTemporary, retryAt } from "./retrying";

/** Facts that last from one attempt to the next. */
export interface Dial {
  /** Attempts that have failed since the person pressed Connect, or since a conversation was lost. */
  attempt: number;
  /** A conversation was lost: the next one is a new one. */
  lost: boolean;
  /** The call sends silence instead of the microphone. */
  muted: boolean;
}

/** Why the service will end the conversation, and when (ms since the epoch). */
export interface Warning {
  why: "session" | "idle" | "draining";
  until: number;
}

/** The place in the queue, as the service told it. */
export interface Place {
  position: number;
  waitSeconds: number | null;
  longestSeconds: number | null;
}

/** The server's own words, before it closes; they beat the close frame's, which may be lost. */
export interface Said {
  reason: string;
  /** The code of the reason in the documentation; null where the server gives none. */
  error: string | null;
  /** null: only the close frame has it. */
  code: number | null;
  /** Seconds after which to try again; null where the server does not say. */
  retryAfter: number | null;
}

/** A conversation is in one of these states. */
export type State =
  | { name: "idle" }
  | { name: "insecure" }
  | ({ name: "microphone" } & Dial)
  | ({ name: "connecting"; said: Said | null } & Dial)
  /** Direct mode: the browser does not get through to moshi at `url`. */
  | ({ name: "untrusted"; url: string } & Dial)
  | ({ name: "starting"; health: Health } & Dial)
  /** Position 1 is next. An estimate and an upper bound, in seconds. */
  | ({ name: "queued"; said: Said | null } & Place & Dial)
  /** The model reads voice and role, in positions. The estimate is in seconds. */
  | ({ name: "prefill"; done: number; total: number; seconds: number | null; said: Said | null } & Dial)
  /** `since`: ms since the epoch. `interrupted`: the system has taken the microphone or the speaker away. */
  | ({ name: "live"; since: number; said: Said | null; interrupted: boolean; warning: Warning | null } & Dial)
  /** The service is full or away, and is asked again `at` (ms since the epoch). */
  | ({ name: "busy"; reason: Problem; at: number } & Dial)
  | ({ name: "reconnecting"; reason: Problem; at: number } & Dial)
  | { name: "ended"; reason: Problem; seconds: number }
  /** `fix`: where the person can put it right. */
  | { name: "failed"; reason: Problem; fix: "settings" | null };

/** Everything that may change the state. */
export type Event =
  | { type: "insecure" }
  | { type: "connect"; muted: boolean }
  | { type: "microphone granted" }
  /** `error`: the DOMException's name. */
  | { type: "microphone refused"; error: string }
  | { type: "untrusted"; url: string }
  | { type: "model not ready"; health: Health }
  | { type: "model ready" }
  | ({ type: "queue" } & Place)
  | { type: "prefill"; done: number; total: number; seconds: number | null }
  | { type: "handshake"; now: number }
  | { type: "mute"; muted: boolean }
  | { type: "interruption"; interrupted: boolean }
  | { type: "warning"; why: Warning["why"]; seconds: number; now: number }
  | ({ type: "server said" } & Said)
  /** `chance`: 0..1, so that pages that were cut off together do not come back at once. */
  | ({ type: "closed"; now: number; chance: number; error?: string } & Closing)
  | { type: "retry" }
  | { type: "failed"; reason: Problem }
  | { type: "disconnect"; now: number }
  /** The page is hidden for good, or until the Back button shows it again as it was. */
  | { type: "page left"; now: number };

/** The state of a page that was just opened. */
export const INITIAL: State = { name: "idle" };

/** The state after an event. Unexpected events change nothing: they come from a call that is already over. */
export function next(state: State, event: Event): State {
  switch (event.type) {
    case "insecure":
      return state.name === "idle" ? { name: "insecure" } : state;
    case "connect":
      return isOver(state) ? { name: "microphone", attempt: 0, lost: false, muted: event.muted } : state;
    case "microphone granted":
      return state.name === "microphone" ? { name: "connecting", said: null, ...dial(state) } : state;
    case "microphone refused":
      if (state.name !== "microphone" && state.name !== "connecting") return state;
      return failed(microphoneReason(event.error));
    case "untrusted":
      return isReaching(state) ? { name: "untrusted", url: event.url, ...dial(state) } : state;
    case "model not ready":
      if (!isReaching(state)) return state;
      return event.health.status === "failed"
        ? failed(modelReason(event.health))
        : { name: "starting", health: event.health, ...dial(state) };
    case "model ready":
      if (state.name !== "starting" && state.name !== "untrusted") return state;
      return { name: "connecting", said: null, ...dial(state) };
    case "queue": {
      if (state.name !== "connecting" && state.name !== "queued") return state;
      const { position, waitSeconds, longestSeconds } = event;
      return { name: "queued", position, waitSeconds, longestSeconds, said: state.said, ...dial(state) };
    }
    case "prefill": {
      if (state.name !== "connecting" && state.name !== "queued" && state.name !== "prefill") return state;
      const { done, total, seconds } = event;
      return { name: "prefill", done, total, seconds, said: state.said, ...dial(state) };
    }
    case "handshake": {
      if (state.name !== "connecting" && state.name !== "queued" && state.name !== "prefill") return state;
      return { name: "live", since: event.now, said: null, interrupted: false, warning: null, ...dial(state) };
    }
    case "mute":
      return isUnderWay(state) ? { ...state, muted: event.muted } : state;
    case "interruption":
      return state.name === "live" ? { ...state, interrupted: event.interrupted } : state;
    case "warning":
      if (state.name !== "live") return state;
      return { ...state, warning: { why: event.why, until: event.now + event.seconds * 1000 } };
    case "server said":
      return "said" in state
        ? {
            ...state,
            said: { reason: event.reason, error: event.error, code: event.code, retryAfter: event.retryAfter },
          }
        : state;
    case "closed":
      return closed(state, event);
    case "retry":
      if (state.name !== "busy" && state.name !== "reconnecting") return state;
      return { name: "connecting", said: null, ...dial(state) };
    case "failed":
      return isUnderWay(state) ? failed(event.reason) : state;
    case "disconnect":
      if (state.name === "live") return ended(state.since, event.now, strings.hungUp);
      return isUnderWay(state) ? INITIAL : state;
    case "page left":
      if (state.name === "live") return ended(state.since, event.now, strings.problems.pageLeft.conversation);
      return isUnderWay(state) ? failed(strings.problems.pageLeft.attempt) : state;
  }
}

/** A state in which a conversation is being reached or held. */
export type UnderWay = Extract<State, Dial>;

/** Whether a conversation is being reached or held. */
export function isUnderWay(state: State): state is UnderWay {
  return "attempt" in state;
}

/** Whether a conversation can begin. On an insecure page none can. */
export function isOver(state: State): boolean {
  return !isUnderWay(state) && state.name !== "insecure";
}

/** Before the socket is there: the model may still be away. */
function isReaching(state: State): state is Extract<State, { name: "connecting" | "starting" | "untrusted" }> {
  return state.name === "connecting" || state.name === "starting" || state.name === "untrusted";
}

function closed(state: State, event: Extract<Event, { type: "closed" }>): State {
  const waited = state.name === "queued" || state.name === "prefill" || state.name === "live";
  if (!isReaching(state) && !waited) return state;
  const { now, chance } = event;
  const said = "said" in state ? state.said : null;
  const code = said?.code ?? event.code;
  const reason = closeReason(code, said?.reason ?? event.reason, said ? said.error : event.error);
  const lost = state.lost || state.name === "live";
  // Connect again after a conversation or a wait. A first attempt that fails explains more as it is.
  if (isTemporary(code) && (waited || state.lost || code === CloseCode.TryLater)) {
    const attempt = waited ? 1 : state.attempt + 1;
    const at = retryAt(attempt, said?.retryAfter ?? event.retryAfter, now, chance);
    if (at !== null) {
      const name = code === CloseCode.TryLater && state.name !== "live" ? "busy" : "reconnecting";
      return { name, reason: withoutAdvice(reason), at, attempt, lost, muted: state.muted };
    }
  }
  if (state.name === "live") return ended(state.since, now, reason);
  return failed(reason, code === CloseCode.BadPreference ? "settings" : null);
}

function ended(since: number, now: number, reason: Problem): State {
  return { name: "ended", reason, seconds: Math.round((now - since) / 1000) };
}

function failed(reason: Problem, fix: "settings" | null = null): State {
  return { name: "failed", reason, fix };
}

function dial({ attempt, lost, muted }: Dial): Dial {
  return { attempt, lost, muted };
}
