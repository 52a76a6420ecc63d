import { describe, expect, it } from "vitest";
import { closing } from "../audio/protocol/closing";
import type { Health } from "../service/types";
import { strings } from "../strings";
import { type Dial, type Event, INITIAL, isOver, isUnderWay, next, type State } from "./machine";

const loading: Health = { status: "starting", phase: "download", progress: 0.42, detail: "7 of 16 GB" };
const first: Dial = { attempt: 0, lost: false, muted: false };
/** What differs between states must survive from one to the next. */
const later: Dial = { attempt: 2, lost: true, muted: true };

const BROKEN = { code: "audio-stopped", text: "Broken." };
const states: Record<State["name"], State> = {
  idle: INITIAL,
  insecure: { name: "insecure" },
  microphone: { name: "microphone", ...later },
  connecting: { name: "connecting", said: null, ...first },
  untrusted: { name: "untrusted", url: "https://gpu.example/alive", ...later },
  starting: { name: "starting", health: loading, ...later },
  queued: { name: "queued", position: 3, waitSeconds: 40, longestSeconds: 90, said: null, ...later },
  prefill: { name: "prefill", done: 0, total: 60, seconds: null, said: null, ...later },
  live: { name: "live", since: 1000, said: null, interrupted: false, warning: null, ...later },
  busy: { name: "busy", reason: { code: "slots-full", text: "Full." }, at: 9000, ...later },
  reconnecting: { name: "reconnecting", reason: strings.problems.lost, at: 9000, ...later },
  ended: { name: "ended", reason: strings.problems.finished, seconds: 3 },
  failed: { name: "failed", reason: BROKEN, fix: null },
};

const events: Record<Event["type"], Event> = {
  insecure: { type: "insecure" },
  connect: { type: "connect", muted: true },
  "microphone granted": { type: "microphone granted" },
  "microphone refused": { type: "microphone refused", error: "NotAllowedError" },
  untrusted: { type: "untrusted", url: "https://gpu.example/alive" },
  "model not ready": { type: "model not ready", health: loading },
  "model ready": { type: "model ready" },
  queue: { type: "queue", position: 2, waitSeconds: null, longestSeconds: 60 },
  prefill: { type: "prefill", done: 32, total: 60, seconds: 1.5 },
  handshake: { type: "handshake", now: 5000 },
  mute: { type: "mute", muted: true },
  interruption: { type: "interruption", interrupted: true },
  warning: { type: "warning", why: "draining", seconds: 30, now: 5000 },
  "server said": { type: "server said", reason: "because", error: "shutting-down", code: 1001, retryAfter: null },
  closed: { type: "closed", code: 1006, reason: "", retryAfter: null, now: 63_000, chance: 1 },
  retry: { type: "retry" },
  failed: { type: "failed", reason: BROKEN },
  disconnect: { type: "disconnect", now: 63_000 },
  "page left": { type: "page left", now: 63_000 },
};

const because = { reason: "because", error: "shutting-down", code: 1001, retryAfter: null };
const begun: State = { name: "microphone", attempt: 0, lost: false, muted: true };
const broken: State = { name: "failed", reason: BROKEN, fix: null };
const dialling = (dial: Dial): State => ({ name: "connecting", said: null, ...dial });
const unreached = { name: "untrusted", url: "https://gpu.example/alive" } as const;
const waiting = { name: "queued", position: 2, waitSeconds: null, longestSeconds: 60, said: null } as const;
const reading = { name: "prefill", done: 32, total: 60, seconds: 1.5, said: null } as const;
const again = (attempt: number, at: number): State => ({
  name: "reconnecting",
  reason: strings.problems.lost,
  at,
  attempt,
  lost: true,
  muted: true,
});

/** Every transition there is; whatever is not here changes nothing. */
const transitions: [State["name"], Event["type"], State][] = [
  ["idle", "insecure", { name: "insecure" }],
  ["idle", "connect", begun],
  ["ended", "connect", begun],
  ["failed", "connect", begun],
  ["microphone", "microphone granted", dialling(later)],
  ["microphone", "microphone refused", { name: "failed", reason: strings.problems.microphoneDenied, fix: null }],
  ["connecting", "microphone refused", { name: "failed", reason: strings.problems.microphoneDenied, fix: null }],
  ["connecting", "untrusted", { ...unreached, ...first }],
  ["starting", "untrusted", { ...unreached, ...later }],
  ["untrusted", "untrusted", { ...unreached, ...later }],
  ["connecting", "model not ready", { name: "starting", health: loading, ...first }],
  ["starting", "model not ready", { name: "starting", health: loading, ...later }],
  ["untrusted", "model not ready", { name: "starting", health: loading, ...later }],
  ["starting", "model ready", dialling(later)],
  ["untrusted", "model ready", dialling(later)],
  ["connecting", "queue", { ...waiting, ...first }],
  ["queued", "queue", { ...waiting, ...later }],
  ["connecting", "handshake", { name: "live", since: 5000, said: null, interrupted: false, warning: null, ...first }],
  ["queued", "handshake", { name: "live", since: 5000, said: null, interrupted: false, warning: null, ...later }],
  ["prefill", "handshake", { name: "live", since: 5000, said: null, interrupted: false, warning: null, ...later }],
  ["connecting", "prefill", { ...reading, ...first }],
  ["queued", "prefill", { ...reading, ...later }],
  ["prefill", "prefill", { ...reading, ...later }],
  ["connecting", "mute", dialling({ ...first, muted: true })], // the others here are muted already
  ["live", "interruption", { ...(states.live as Extract<State, { name: "live" }>), interrupted: true }],
  [
    "live",
    "warning",
    { ...(states.live as Extract<State, { name: "live" }>), warning: { why: "draining", until: 35_000 } },
  ],
  ["connecting", "server said", { name: "connecting", said: because, ...first }],
  ["prefill", "server said", { name: "prefill", done: 0, total: 60, seconds: null, said: because, ...later }],
  [
    "queued",
    "server said",
    { name: "queued", position: 3, waitSeconds: 40, longestSeconds: 90, said: because, ...later },
  ],
  ["live", "server said", { ...(states.live as Extract<State, { name: "live" }>), said: because }],
  ["connecting", "closed", { name: "failed", reason: strings.problems.lost, fix: null }],
  ["starting", "closed", again(3, 67_000)],
  ["untrusted", "closed", again(3, 67_000)],
  ["queued", "closed", again(1, 65_000)],
  ["prefill", "closed", again(1, 65_000)],
  ["live", "closed", again(1, 65_000)],
  ["busy", "retry", dialling(later)],
  ["reconnecting", "retry", dialling(later)],
  ...(
    ["microphone", "connecting", "untrusted", "starting", "queued", "prefill", "live", "busy", "reconnecting"] as const
  ).flatMap((name): [State["name"], Event["type"], State][] => [
    [name, "failed", broken],
    [name, "disconnect", name === "live" ? { name: "ended", reason: strings.hungUp, seconds: 62 } : INITIAL],
    [
      name,
      "page left",
      name === "live"
        ? { name: "ended", reason: strings.problems.pageLeft.conversation, seconds: 62 }
        : { name: "failed", reason: strings.problems.pageLeft.attempt, fix: null },
    ],
  ]),
];

describe("a conversation", () => {
  const expected = new Map(transitions.map(([from, event, to]) => [`${from} + ${event}`, to]));
  const all = Object.values(states).flatMap((state) => Object.values(events).map((event) => [state, event] as const));
  it.each(all)("$name: $type", (state, event) => {
    expect(next(state, event)).toEqual(expected.get(`${state.name} + ${event.type}`) ?? state);
  });

  it("keeps whoever is muted muted, through a queue and a lost connection", () => {
    const script: Event[] = [
      { type: "connect", muted: false },
      { type: "microphone granted" },
      { type: "queue", position: 1, waitSeconds: 3, longestSeconds: null },
      { type: "mute", muted: true },
      { type: "handshake", now: 0 },
      { type: "closed", code: 1006, reason: "", retryAfter: null, now: 1000, chance: 0 },
      { type: "retry" },
      { type: "handshake", now: 3000 },
    ];
    const live = script.reduce(next, INITIAL);
    expect(live).toMatchObject({ name: "live", muted: true, lost: true });
  });

  it("can begin only when none is under way", () => {
    const over = Object.values(states).filter(isOver);
    expect(over.map((state) => state.name)).toEqual(["idle", "ended", "failed"]);
    const underWay = Object.values(states).filter(isUnderWay);
    expect(underWay).toHaveLength(9);
  });

  it("fails when the model has failed, with the reason", () => {
    const health: Health = {
      status: "failed",
      phase: "load",
      progress: null,
      detail: "no space left",
      error: "disk-too-small",
    };
    const failed = next(states.connecting, { type: "model not ready", health });
    expect(failed).toMatchObject({
      name: "failed",
      reason: { text: expect.stringContaining("no space left"), code: "disk-too-small" },
    });
  });

  it("believes what the server said over what the close frame says", () => {
    const reason = "the time for a conversation is over";
    const told = next(states.live, { type: "server said", reason, error: "time-over", code: 1000, retryAfter: null });
    const ended = next(told, { type: "closed", code: 1006, reason: "", retryAfter: null, now: 2000, chance: 0 });
    expect(ended).toEqual({
      name: "ended",
      reason: { code: "time-over", text: "The time for a conversation is over." },
      seconds: 1,
    });
  });
});

describe("how a conversation ends", () => {
  const close = (state: State, code: number, reason = ""): State =>
    next(state, { type: "closed", ...closing(code, reason), now: 10_000, chance: 0 });

  it.each([1006, 1011, 1012])("one that is lost (%i) is tried again, as a new one", (code) => {
    expect(close(states.live, code)).toMatchObject({ name: "reconnecting", attempt: 1, lost: true, at: 10_000 });
  });

  it.each([1000, 1001, 1008, 4000, 4002, 4999])("one that was ended on purpose (%i) is not", (code) => {
    expect(close(states.live, code)).toMatchObject({ name: "ended", seconds: 9 });
  });

  it("a full service is asked again, not before it said", () => {
    const reason = "full: every slot is in use (4); Retry-After: 7";
    expect(close(states.connecting, 1013, reason)).toEqual({
      name: "busy",
      reason: { code: "all-places-taken", text: "Full: every slot is in use (4)." },
      at: 17_000,
      attempt: 1,
      lost: false,
      muted: false,
    });
  });

  it("the server's own number beats that of the close frame", () => {
    const said = next(states.connecting, {
      type: "server said",
      reason: "full",
      error: "slots-full",
      code: 1013,
      retryAfter: 9,
    });
    expect(close(said, 1013, "full; Retry-After: 7")).toMatchObject({
      name: "busy",
      reason: { code: "slots-full", text: "Full." },
      at: 19_000,
    });
  });

  it("one that is tried again does not ask for it too", () => {
    const lost = close(states.live, 1012, "the connection to moshi was lost; try again");
    expect(lost).toMatchObject({ name: "reconnecting", reason: { text: "The connection to moshi was lost." } });
    const full = close(states.connecting, 1013, "full: every connection is in use (8); try again soon");
    expect(full).toMatchObject({ name: "busy", reason: { text: "Full: every connection is in use (8)." } });
  });

  it("it gives up in the end, with the reason", () => {
    let state = close(states.live, 1006);
    let attempts = 0;
    while (state.name === "reconnecting") {
      attempts++;
      state = close(next(state, { type: "retry" }), 1006);
    }
    expect(attempts).toBe(8);
    expect(state).toEqual({ name: "failed", reason: strings.problems.lost, fix: null });
  });

  it("a refused setting leads to the settings", () => {
    const refused = close(states.connecting, 4001, "seed='x': takes a whole number from 0 to 9");
    expect(refused).toMatchObject({ name: "failed", fix: "settings" });
    expect(refused).toMatchObject({ reason: { text: expect.stringContaining("takes a whole number from 0 to 9") } });
  });
});
