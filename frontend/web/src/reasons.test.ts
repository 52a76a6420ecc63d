import { describe, expect, it } from "vitest";
import { closeReason, microphoneReason, sentence } from "./reasons";
import { strings } from "./strings";

describe("a reason", () => {
  it.each([
    ["NotAllowedError", strings.microphoneDenied],
    ["NotFoundError", strings.microphoneMissing],
    ["NotReadableError", strings.microphoneBusy],
    ["WeirdError", strings.microphoneOther("WeirdError")],
  ])("says what is wrong with the microphone: %s", (error, reason) => {
    expect(microphoneReason(error)).toBe(reason);
  });

  it.each([
    [1000, "", strings.finished],
    [1001, "", strings.goingAway],
    [1006, "", strings.lost],
    [1008, "", strings.notAllowed],
    [1012, "", strings.modelLost],
    [1013, "", strings.full],
    [1013, "full: all 4 slots are in use; Retry-After: 3", "Full: all 4 slots are in use."],
    [4000, "", strings.tooSlow],
    [4002, "", strings.nothingHeard],
    [1011, "", strings.closed(1011)],
    [4001, "seed='x': takes 1 to 9", strings.refusedSetting("seed='x': takes 1 to 9")],
  ])("is there for close code %i with «%s»", (code, reason, expected) => {
    expect(closeReason(code, reason)).toBe(expected);
  });

  it("is a sentence", () => {
    expect(sentence(" the engine failed ")).toBe("The engine failed.");
    expect(sentence("Try again!")).toBe("Try again!");
    expect(sentence("")).toBe("");
  });
});
