import { expect, it } from "vitest";
import { closing } from "./closing";

it.each([
  ["full: every slot is in use (4); Retry-After: 7", "full: every slot is in use (4)", 7],
  ["restarted. Retry-After: 20", "restarted", 20],
  ["Retry-After: 1", "", 1],
  ["Retry-After: 1 is not the end", "Retry-After: 1 is not the end", null],
  ["the engine failed", "the engine failed", null],
  ["", "", null],
])("a close reason ends with the time to try again: «%s»", (text, reason, retryAfter) => {
  expect(closing(1013, text)).toEqual({ code: 1013, reason, retryAfter });
});
