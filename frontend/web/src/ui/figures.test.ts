import { expect, it } from "vitest";
import type { CallStats } from "../audio/stats";
import { exampleConfig } from "../service/example";
import { strings } from "../strings";
import { asReport, figures } from "./figures";

const stats: CallStats = {
  codec: "webcodecs",
  playedSeconds: 10,
  playedRms: 0.1,
  peak: 0.5,
  underruns: 2,
  insertedMs: 31.4,
  bufferMs: 40,
  targetMs: null,
  captureLatencyMs: 10,
  outputLatencyMs: 15,
  droppedFrames: 3,
  droppedInputPackets: 1,
  roundTripMs: 5,
  stepMs: 3.2,
  lagMs: 11,
  messagesIn: 1,
  bytesIn: 1,
  audioMessagesOut: 1,
};

it("has a dash for what is not known", () => {
  const empty = Object.fromEntries(figures(null, null, null, "a browser"));
  expect(empty[strings.rows.roundTrip]).toBe(strings.none);
  expect(empty[strings.rows.versions]).toBe("– / – / –");
  expect(empty[strings.rows.browser]).toBe("a browser");
});

it("has what a support engineer asks for", () => {
  const shown = figures(stats, "c0ffee", exampleConfig(), "a browser");
  const by = Object.fromEntries(shown);
  expect(by[strings.rows.total]).toBe("181 ms"); // 10 + 20 + 40 + 15 + 5 + 80 + 11
  expect(by[strings.rows.inserted]).toBe("31 ms");
  expect(by[strings.rows.dropped]).toBe("1, 3");
  expect(by[strings.rows.session]).toBe("c0ffee");
  expect(by[strings.rows.versions]).toBe("1.0 / 2.0 / 0.2");
  expect(asReport(shown)).toContain("Model: demo, cpu\n");
});

it("gives no estimate before the round trip was measured", () => {
  const early = Object.fromEntries(figures({ ...stats, roundTripMs: null }, null, null, ""));
  expect(early[strings.rows.total]).toBe(strings.none);
});
