import { describe, expect, it } from "vitest";
import { type Sample, trouble, withSample } from "./quality";
import type { CallStats } from "./stats";

const good: CallStats = {
  codec: "webcodecs",
  playedSeconds: 10,
  playedRms: 0.1,
  peak: 0.5,
  underruns: 0,
  insertedMs: 0,
  bufferMs: 60,
  targetMs: 20,
  captureLatencyMs: 10,
  outputLatencyMs: 15,
  droppedFrames: 0,
  droppedInputPackets: 0,
  roundTripMs: 8,
  stepMs: 30,
  lagMs: 45,
  messagesIn: 0,
  bytesIn: 0,
  audioMessagesOut: 0,
};

/** A sample a second; `change` is for each the figures that differ from good ones. */
function troubleAfter(seconds: number, change: (second: number) => Partial<CallStats>) {
  let samples: readonly Sample[] = [];
  for (let second = 0; second <= seconds; second++) {
    samples = withSample(samples, { ...good, messagesIn: second * 13, ...change(second) }, second * 1000);
  }
  return trouble(samples);
}

/** Measured: 24 gaps and 6.6 s of silence in 11 s, while the page said "Live. Speak whenever you like." */
const gaps = (second: number) => ({ underruns: Math.round(second * 2.2), insertedMs: second * 600 });

describe("broken sound", () => {
  it("is no trouble while all is well, nor for one gap", () => {
    expect(troubleAfter(30, () => ({}))).toBeNull();
    expect(troubleAfter(30, (second) => (second > 5 ? { underruns: 1, insertedMs: 120 } : {}))).toBeNull();
    expect(trouble([])).toBeNull();
  });

  it("is the server's, when a step takes longer than its sound or answers wait there", () => {
    expect(troubleAfter(11, (second) => ({ ...gaps(second), stepMs: 130, lagMs: 1800 }))).toBe("server");
    expect(troubleAfter(11, (second) => ({ ...gaps(second), stepMs: 60, lagMs: 900 }))).toBe("server");
    expect(troubleAfter(11, (second) => ({ droppedFrames: second }))).toBe("server");
  });

  it("is the connection's, when the server is in time", () => {
    expect(troubleAfter(11, gaps)).toBe("network");
    expect(troubleAfter(11, (second) => ({ ...gaps(second), roundTripMs: 900, lagMs: 500 }))).toBe("network");
    expect(troubleAfter(11, (second) => ({ droppedInputPackets: second * 5 }))).toBe("network");
  });

  it("is also sound that comes late for seconds", () => {
    expect(troubleAfter(11, () => ({ bufferMs: 1318, targetMs: 160 }))).toBe("network");
    expect(troubleAfter(11, (second) => ({ bufferMs: second === 5 ? 1318 : 100 }))).toBeNull();
  });

  it("is over when the last seconds are good", () => {
    const early = (second: number) => gaps(Math.min(second, 11));
    expect(troubleAfter(15, early)).toBe("network");
    expect(troubleAfter(25, early)).toBeNull();
  });

  it("is forgotten by a new call", () => {
    const before = withSample([], { ...good, underruns: 50, insertedMs: 9000, messagesIn: 500 }, 0);
    expect(withSample(before, { ...good, messagesIn: 1 }, 1000)).toHaveLength(1);
  });
});
