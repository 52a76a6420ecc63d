import { describe, expect, it } from "vitest";
import type { Dial, State } from "../conversation/machine";
import { INITIAL } from "../conversation/machine";
import { serviceOf } from "../service/availability";
import { exampleConfig } from "../service/example";
import type { Config, Health } from "../service/types";
import { strings } from "../strings";
import { waitWords, words } from "./words";

const dial: Dial = { attempt: 0, lost: false, muted: false };
const live: State = { name: "live", since: 0, said: null, interrupted: false, warning: null, ...dial };
const health: Health = { status: "starting", phase: "download", progress: 0.42, detail: "7 of 16 GB" };

describe("a state in words", () => {
  it("tells what a live conversation hears", () => {
    expect(words(live, false)).toEqual(strings.live);
    expect(words({ ...live, muted: true }, false)).toEqual(strings.muted);
    expect(words({ ...live, muted: true }, true)).toEqual(strings.pushToTalk);
    expect(words({ ...live, interrupted: true }, true)).toEqual(strings.problems.interrupted);
  });

  it("tells how far the model is", () => {
    const starting = words({ name: "starting", health, ...dial }, false);
    expect(starting.detail).toBe("Downloading the model. 7 of 16 GB.");
    const unknown = words({ name: "starting", health: { ...health, phase: "polish", detail: "" }, ...dial }, false);
    expect(unknown.detail).toBe("polish.");
    const waiting = (status: Health["status"]) =>
      words({ name: "starting", health: { ...health, status }, ...dial }, false);
    expect(waiting("unreachable")).toEqual(strings.problems.unreachable);
    expect(waiting("draining")).toEqual(strings.problems.modelDraining);
  });

  it("tells a new conversation from the first one", () => {
    const connecting = (lost: boolean) => words({ name: "connecting", said: null, ...dial, lost }, false).detail;
    expect(connecting(true)).toContain("new conversation");
    expect(connecting(false)).not.toContain("new conversation");
    const lost = words({ name: "reconnecting", reason: { code: "moshi-lost", text: "Gone." }, at: 0, ...dial }, false);
    expect(lost.detail).toMatch(/^Gone\. .*new conversation/);
  });

  it("tells how long it was and why it ended", () => {
    expect(words({ name: "ended", reason: strings.hungUp, seconds: 125 }, false)).toEqual({
      title: "Ended after 2 min 5 s",
      detail: "You hung up.",
      code: null,
    });
  });

  it("tells the place in the queue", () => {
    const queued = (position: number) =>
      words({ name: "queued", position, waitSeconds: null, longestSeconds: null, said: null, ...dial }, false).title;
    expect(queued(1)).toBe("You are next");
    expect(queued(3)).toContain("3");
  });

  it("promises no more of a wait than is known", () => {
    const wait = (waitSeconds: number | null, longestSeconds: number | null) =>
      waitWords({ position: 1, waitSeconds, longestSeconds });
    expect(wait(null, null)).toBe("");
    expect(wait(null, 1797)).toBe("Up to 30 min to go, often less."); // it was "About 29 min 57 s"
    expect(wait(6, 1797)).toBe("About 10 s to go, 30 min at most.");
    expect(wait(95, null)).toBe("About 2 min to go.");
    expect(wait(30, 28)).toBe("About 30 s to go.");
    expect(wait(0, 0)).toBe("About 10 s to go.");
    expect(wait(3000, 7200)).toBe("About 50 min to go, 2 h at most.");
  });
});

const said = (from: Config | null) => words(INITIAL, false, serviceOf(from));

describe("an idle page", () => {
  it("is ready only when the service is", () => {
    expect(said(exampleConfig({}))).toEqual(strings.idle);
    const others = [
      said(null),
      words(INITIAL, false, { name: "unknown" }),
      said(exampleConfig({}, { total: 4, used: 4 })),
      ...(["starting", "unreachable", "failed", "draining"] as const).map((status) => said(exampleConfig({ status }))),
    ];
    for (const other of others) expect(other.title).not.toBe(strings.idle.title);
    expect(new Set(others.map(({ title }) => title)).size).toBe(others.length);
  });

  it("says how far the model is, and why it failed", () => {
    const loading = { status: "starting", phase: "download", detail: "6 of 15 GB" } as const;
    expect(said(exampleConfig(loading)).detail).toBe("Downloading the model. 6 of 15 GB.");
    const failed = said(exampleConfig({ status: "failed", detail: "no space left", error: "disk-too-small" }));
    expect(failed.detail).toContain("no space left");
    expect(failed.code).toBe("disk-too-small");
  });
});
