import { describe, expect, it } from "vitest";
import type { Health } from "./config";
import { type Event, INITIAL, isOver, next, type State, words } from "./conversation";
import { strings } from "./strings";

const loading: Health = { status: "starting", phase: "download", progress: 0.42, detail: "7 of 16 GB" };

const states: Record<State["name"], State> = {
  idle: INITIAL,
  insecure: { name: "insecure", url: "https://talk.example/" },
  microphone: { name: "microphone" },
  connecting: { name: "connecting", said: null },
  starting: { name: "starting", health: loading },
  live: { name: "live", since: 1000, said: null },
  ended: { name: "ended", reason: "over", seconds: 3 },
  failed: { name: "failed", reason: "broken" },
};

const events: Record<Event["type"], Event> = {
  insecure: { type: "insecure", url: "https://talk.example/" },
  connect: { type: "connect" },
  "microphone granted": { type: "microphone granted" },
  "microphone refused": { type: "microphone refused", name: "NotAllowedError" },
  "model not ready": { type: "model not ready", health: loading },
  "model ready": { type: "model ready" },
  handshake: { type: "handshake", now: 5000 },
  "server said": { type: "server said", reason: "because" },
  closed: { type: "closed", code: 1006, reason: "", now: 63_000 },
  failed: { type: "failed", reason: "broken" },
  disconnect: { type: "disconnect", now: 63_000 },
};

/** Every transition there is; whatever is not here changes nothing. */
const transitions: [State["name"], Event["type"], State][] = [
  ["idle", "insecure", { name: "insecure", url: "https://talk.example/" }],
  ["idle", "connect", { name: "microphone" }],
  ["ended", "connect", { name: "microphone" }],
  ["failed", "connect", { name: "microphone" }],
  ["microphone", "microphone granted", { name: "connecting", said: null }],
  ["microphone", "microphone refused", { name: "failed", reason: strings.microphoneDenied }],
  ["connecting", "model not ready", { name: "starting", health: loading }],
  ["starting", "model not ready", { name: "starting", health: loading }],
  ["starting", "model ready", { name: "connecting", said: null }],
  ["connecting", "handshake", { name: "live", since: 5000, said: null }],
  ["connecting", "server said", { name: "connecting", said: "because" }],
  ["live", "server said", { name: "live", since: 1000, said: "because" }],
  ["connecting", "closed", { name: "failed", reason: strings.lost }],
  ["live", "closed", { name: "ended", reason: strings.lost, seconds: 62 }],
  ["microphone", "failed", { name: "failed", reason: "broken" }],
  ["connecting", "failed", { name: "failed", reason: "broken" }],
  ["starting", "failed", { name: "failed", reason: "broken" }],
  ["live", "failed", { name: "failed", reason: "broken" }],
  ["microphone", "disconnect", { name: "idle" }],
  ["connecting", "disconnect", { name: "idle" }],
  ["starting", "disconnect", { name: "idle" }],
  ["live", "disconnect", { name: "ended", reason: strings.hungUp, seconds: 62 }],
];

describe("a conversation", () => {
  const expected = new Map(transitions.map(([from, event, to]) => [`${from} + ${event}`, to]));
  const all = Object.values(states).flatMap((state) => Object.values(events).map((event) => [state, event] as const));
  it.each(all)("$name: $type", (state, event) => {
    expect(next(state, event)).toEqual(expected.get(`${state.name} + ${event.type}`) ?? state);
  });

  it.each([
    ["NotFoundError", strings.microphoneMissing],
    ["NotReadableError", strings.microphoneBusy],
    ["WeirdError", strings.microphoneOther("WeirdError")],
  ])("says what is wrong with the microphone: %s", (name, reason) => {
    expect(next(states.microphone, { type: "microphone refused", name })).toEqual({ name: "failed", reason });
  });

  it("fails when the model has failed, with the reason", () => {
    const health: Health = { status: "failed", phase: "load", progress: null, detail: "no space left" };
    const failed = next(states.connecting, { type: "model not ready", health });
    expect(words(failed, false)).toContain("no space left");
  });

  it.each([
    [1000, "", strings.finished],
    [1001, "", strings.goingAway],
    [1008, "", strings.notAllowed],
    [1013, "", strings.full],
    [1013, "full: all 4 slots are in use", "full: all 4 slots are in use"],
    [4000, "", strings.tooSlow],
    [1011, "", strings.closed(1011)],
  ])("explains close code %i with reason «%s»", (code, reason, expectedReason) => {
    const failed = next(states.connecting, { type: "closed", code, reason, now: 0 });
    expect(failed).toEqual({ name: "failed", reason: expectedReason });
  });

  it("believes what the server said over what the close frame says", () => {
    const told = next(states.live, { type: "server said", reason: "the engine failed" });
    const ended = next(told, { type: "closed", code: 1011, reason: "failed", now: 2000 });
    expect(ended).toEqual({ name: "ended", reason: "the engine failed", seconds: 1 });
  });

  it("has words for every state", () => {
    for (const state of Object.values(states)) expect(words(state, false)).not.toBe("");
    expect(words(states.starting, false)).toContain("42 %");
    const waiting = (status: Health["status"]) => words({ name: "starting", health: { ...loading, status } }, false);
    expect(waiting("unreachable")).toBe(strings.unreachable);
    expect(waiting("draining")).toBe(strings.draining);
    expect(words(states.live, true)).toBe(strings.liveMuted);
    expect(words(states.insecure, false)).toContain("https://talk.example/");
    expect(words({ name: "ended", reason: "x", seconds: 125 }, false)).toContain("2 min 5 s");
  });

  it("can begin only when none is under way", () => {
    const over = Object.values(states).filter(isOver);
    expect(over.map((state) => state.name)).toEqual(["idle", "ended", "failed"]);
  });
});
