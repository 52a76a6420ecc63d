import { expect, it } from "vitest";
import {
  beganAt,
  transcriptBegins,
  transcriptContinues,
  transcriptPiece,
  transcriptText,
  transcriptVtt,
} from "./keeping";
import { captionsLength, lines, unannounced } from "./store";

it("a lost conversation and the one after it are one transcript, on one clock", () => {
  transcriptBegins();
  transcriptContinues(1_000_000);
  transcriptPiece(" One", 1_002_000);
  transcriptContinues(1_060_000);
  transcriptPiece(" two", 1_061_000);
  expect(lines.value.map(({ from, text }) => [from, text])).toEqual([
    [2000, "One"],
    [1000, "two"],
  ]);
  expect(transcriptText()).toContain("New conversation");
  expect(transcriptVtt()).toContain("00:00:02.000 --> ");
  expect(transcriptVtt()).toContain("00:01:01.000 --> ");
  expect(captionsLength.value).toBe(8);
  expect(unannounced.value).toBe(" One two");
  expect(beganAt()).toEqual(new Date(1_000_000));
});

it("the next Connect begins an empty one", () => {
  transcriptBegins();
  expect(lines.value).toEqual([]);
  expect(transcriptText()).toBe("");
  expect(unannounced.value).toBe("");
});
