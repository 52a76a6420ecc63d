import { describe, expect, it } from "vitest";
import { outputLatency } from "./speaker";

const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";

function context(seconds: number | undefined): AudioContext {
  return {
    get outputLatency() {
      return seconds;
    },
  } as AudioContext;
}

describe("the delay of the sound output", () => {
  it.each([
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:153.0) Gecko/20100101 Firefox/153.0",
    "Mozilla/5.0 (Android 15; Mobile; rv:153.0) Gecko/153.0 Firefox/153.0",
  ])("is what the browser says in %s", (userAgent) => {
    expect(outputLatency(context(0.042), userAgent)).toBe(0.042);
  });

  it.each([0, undefined])("is unknown where the browser says %s", (seconds) => {
    expect(outputLatency(context(seconds), "WebKit")).toBeNull();
  });

  it("is not asked of Firefox on Linux, which may freeze over the question", () => {
    const freezes = {
      get outputLatency(): number {
        throw new Error("frozen");
      },
    } as AudioContext;
    expect(outputLatency(freezes, FIREFOX)).toBeNull();
  });
});
