import { describe, expect, it } from "vitest";
import type { Dial, State } from "../conversation/machine";
import { strings } from "../strings";
import { titleFor, waited } from "./turn";

const dial: Dial = { attempt: 0, lost: false, muted: false };
const queued: State = { name: "queued", position: 3, waitSeconds: null, longestSeconds: null, said: null, ...dial };

const through = (...names: State["name"][]) => names.reduce(waited, false);

describe("a turn", () => {
  it("is announced to whoever was left waiting", () => {
    expect(through("microphone", "connecting", "queued")).toBe(true);
    expect(through("microphone", "connecting", "queued", "prefill")).toBe(true);
    expect(through("connecting", "busy", "connecting")).toBe(true);
    expect(through("live", "reconnecting", "connecting")).toBe(true);
    expect(through("connecting", "starting", "connecting")).toBe(true);
  });

  it("is not announced to whoever has just pressed Connect", () => {
    expect(through("idle", "microphone", "connecting")).toBe(false);
    expect(through("microphone", "connecting", "prefill")).toBe(false);
    expect(through("connecting", "queued", "idle", "microphone", "connecting")).toBe(false);
  });

  it("is seen in the title, and before it the place", () => {
    expect(titleFor({ name: "idle" }, false)).toBe(strings.title);
    expect(titleFor(queued, false)).toBe(`(3) ${strings.title}`);
    expect(titleFor({ name: "idle" }, true)).toMatch(new RegExp(`^${strings.yourTurn.title}.*${strings.title}$`));
  });
});
