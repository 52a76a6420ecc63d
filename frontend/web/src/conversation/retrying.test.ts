import fc from "fast-check";
import { expect, it } from "vitest";
import { isTemporary, retryAt } from "./retrying";

it("waits twice as long each time, up to half a minute", () => {
  const waits = [2, 3, 4, 5, 6, 7, 8].map((attempt) => retryAt(attempt, null, 0, 1));
  expect(waits).toEqual([2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  expect(retryAt(9, null, 0, 1)).toBeNull();
});

it("spreads those who were cut off together over half of the wait", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 8 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, chance) => {
      const longest = retryAt(attempt, null, 0, 1) ?? 0;
      const wait = retryAt(attempt, null, 0, chance) ?? 0;
      return wait >= longest / 2 && wait <= longest;
    }),
  );
});

it("tries the first time after 0 to 2 s, so that those who were cut off together do not come together", () => {
  expect([0, 0.5, 1].map((chance) => retryAt(1, null, 0, chance))).toEqual([0, 1000, 2000]);
});

it("waits as long as the service asks, within reason", () => {
  expect(retryAt(1, 12, 5, 0)).toBe(12_005);
  expect(retryAt(1, 86_400, 0, 0)).toBe(30_000);
  expect(retryAt(5, 1, 0, 1)).toBe(16_000);
});

it("knows what may pass", () => {
  expect([1006, 1011, 1012, 1013].every(isTemporary)).toBe(true);
  expect([1000, 1001, 1003, 1007, 1008, 1009, 4000, 4001, 4002, 4999].some(isTemporary)).toBe(false);
});
