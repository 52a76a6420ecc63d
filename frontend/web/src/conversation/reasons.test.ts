import { describe, expect, it } from "vitest";
import { NOT_PASSED_ON, UNSUPPORTED } from "../audio/microphone";
import { strings } from "../strings";
import { closeReason, microphoneReason, sentence } from "./reasons";

describe("a reason", () => {
  it.each([
    ["NotAllowedError", strings.problems.microphoneDenied],
    [NOT_PASSED_ON, strings.problems.microphoneNotPassedOn],
    [UNSUPPORTED, strings.problems.microphoneUnsupported],
    ["NotFoundError", strings.problems.microphoneMissing],
    ["NotReadableError", strings.problems.microphoneBusy],
    ["TimeoutError", strings.problems.steps.microphone],
    ["WeirdError", strings.problems.microphoneOther("WeirdError")],
  ])("says what is wrong with the microphone: %s", (error, reason) => {
    expect(microphoneReason(error)).toEqual(reason);
  });

  it.each([
    [1000, "", strings.problems.finished],
    [1001, "", strings.problems.goingAway],
    [1006, "", strings.problems.lost],
    [1008, "", strings.problems.notAllowed],
    [1012, "", strings.problems.modelLost],
    [1013, "", strings.problems.full],
    [1013, "full: every slot is in use (4)", { code: "all-places-taken", text: "Full: every slot is in use (4)." }],
    [4000, "", strings.problems.tooSlow],
    [4002, "", strings.problems.nothingHeard],
    [1011, "", strings.problems.closed(1011)],
    [4999, "out of memory", strings.problems.audioBroke("Out of memory.")],
    [4001, "seed='x': takes 1 to 9", strings.problems.refusedSetting("seed='x': takes 1 to 9")],
  ])("is there for close code %i with «%s»", (code, reason, expected) => {
    expect(closeReason(code, reason)).toEqual(expected);
  });

  it("has the code that the service gave it", () => {
    const full = closeReason(1013, "full: every slot is in use (4)", "slots-full");
    expect(full).toEqual({ code: "slots-full", text: "Full: every slot is in use (4)." });
    expect(closeReason(4001, "seed='x': takes 1 to 9", "preference-out-of-range").code).toBe("preference-out-of-range");
  });

  it("is a sentence", () => {
    expect(sentence(" the engine failed ")).toBe("The engine failed.");
    expect(sentence("Try again!")).toBe("Try again!");
    expect(sentence("")).toBe("");
  });
});
