import { describe, expect, it } from "vitest";
import { type Activity, decibels, nextActivity, noActivity } from "./activity";

const loud = 0.1;
const room = 0.001; // -60 dB

function heard(levels: [number, number][]): Activity {
  return levels.reduce((before, [now, level]) => nextActivity(before, level, now), noActivity(0));
}

describe("activity", () => {
  it("is speaking while it is loud, and through the pauses between words", () => {
    expect(heard([[0, loud]]).speaking).toBe(true);
    const pause: [number, number][] = [
      [0, loud],
      [400, room],
    ];
    expect(heard(pause).speaking).toBe(true);
    expect(heard([...pause, [900, room]]).speaking).toBe(false);
  });

  it("does not flicker at the threshold", () => {
    const between = 10 ** (-48 / 20);
    expect(heard([[0, between]]).speaking).toBe(false);
    const levels: [number, number][] = [[0, loud]];
    for (let now = 50; now < 3000; now += 50) levels.push([now, between]);
    expect(heard(levels).speaking).toBe(true);
  });

  it("knows a microphone that is off from a quiet room", () => {
    expect(heard([[5000, room]]).nothing).toBe(false);
    expect(heard([[3000, 0]]).nothing).toBe(false);
    expect(heard([[5000, 0]]).nothing).toBe(true);
    expect(
      heard([
        [5000, 0],
        [5050, room],
      ]).nothing,
    ).toBe(false);
  });

  // Measured: "No sound from the microphone" after 4 s of digital silence from one that was heard just before.
  it("never takes a microphone that was heard for one that is off, not even in the next conversation", () => {
    const pause: [number, number][] = [
      [0, loud],
      [60_000, 0],
    ];
    expect(heard(pause).nothing).toBe(false);
    const next = noActivity(60_000, heard(pause).heard);
    expect(nextActivity(next, 0, 70_000).nothing).toBe(false);
    expect(nextActivity(noActivity(60_000), 0, 70_000).nothing).toBe(true);
  });

  it("measures in decibels", () => {
    expect(decibels(1)).toBe(0);
    expect(decibels(0)).toBeCloseTo(-120);
  });
});
