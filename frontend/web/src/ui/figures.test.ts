import { expect, it } from "vitest";
import { FRAME_MS } from "../audio/codec/format";
import type { CallStats } from "../audio/stats";
import { JitterBuffer } from "../audio/worklets/jitter-buffer";
import { exampleConfig } from "../service/example";
import { strings } from "../strings";
import { asReport, delay, figures } from "./figures";

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

it("gives a delay that grows with the buffer after a stall, and shrinks with it", () => {
  const rate = 48_000;
  const buffer = new JitterBuffer(rate);
  const block = new Float32Array(128);
  let playedMs = 0;
  const playUntil = (ms: number): void => {
    for (; playedMs < ms; playedMs += (block.length / rate) * 1000) buffer.pull(block);
  };
  // Each frame is speech, and every fourth one a pause.
  const receive = (index: number): void => {
    const loudness = index % 4 < 3 ? 0.3 : 0;
    const frame = new Float32Array((rate / 1000) * FRAME_MS);
    buffer.push(
      frame.map((_, at) => loudness * Math.sin(at * 0.05)),
      playedMs,
    );
  };
  const felt = (): number => delay({ ...stats, bufferMs: buffer.bufferedMs }) as number;
  for (let index = 0; index < 100; index++) {
    playUntil(index * FRAME_MS);
    receive(index);
  }
  const usual = felt();
  expect(usual).toBeGreaterThan(141); // 181 as above, with an empty buffer
  expect(usual).toBeLessThan(341);
  playUntil(112 * FRAME_MS);
  for (let index = 100; index < 112; index++) receive(index); // a second of frames at once
  expect(felt()).toBeGreaterThan(usual + 800);
  for (let index = 112; index < 212; index++) {
    playUntil(index * FRAME_MS);
    receive(index);
  }
  expect(felt()).toBeLessThan(usual + 300);
});
