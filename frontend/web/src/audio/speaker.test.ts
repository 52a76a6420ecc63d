import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openAudio, outputLatency } from "./speaker";

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

describe("the end of the sound", () => {
  const done: string[] = [];
  let suspended: Promise<void>;

  beforeEach(() => {
    vi.useFakeTimers();
    done.length = 0;
    suspended = Promise.resolve();
    vi.stubGlobal(
      "AudioContext",
      class {
        state = "running";
        async resume(): Promise<void> {}
        async suspend(): Promise<void> {
          done.push("suspend");
          await suspended;
          done.push("suspended");
        }
        async close(): Promise<void> {
          done.push("close");
          this.state = "closed";
        }
      },
    );
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  async function end(): Promise<void> {
    const call = new AbortController();
    openAudio(call.signal);
    call.abort();
    await vi.advanceTimersByTimeAsync(0);
  }

  it("is a stop and half a second later a close, because WebKitGTK may crash over a close alone", async () => {
    await end();
    await vi.advanceTimersByTimeAsync(499);
    expect(done).toEqual(["suspend", "suspended"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(done).toEqual(["suspend", "suspended", "close"]);
  });

  it("comes too where the browser refuses to stop it", async () => {
    suspended = Promise.reject(new Error("no"));
    await end();
    await vi.advanceTimersByTimeAsync(500);
    expect(done).toEqual(["suspend", "close"]);
  });

  it("comes too where the browser never stops it", async () => {
    suspended = new Promise(() => undefined);
    await end();
    await vi.advanceTimersByTimeAsync(1500);
    expect(done).toEqual(["suspend", "close"]);
  });
});
