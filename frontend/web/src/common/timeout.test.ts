import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { within } from "./timeout";

const NEVER = new Promise<never>(() => undefined);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function outcome(work: Promise<unknown>): { is: unknown } {
  const found: { is: unknown } = { is: "pending" };
  work.then(
    (value) => {
      found.is = value;
    },
    (error: unknown) => {
      found.is = error;
    },
  );
  return found;
}

describe("a promise of the browser", () => {
  it("has its time, and not more", async () => {
    const found = outcome(within(1000, NEVER));
    await vi.advanceTimersByTimeAsync(999);
    expect(found.is).toBe("pending");
    await vi.advanceTimersByTimeAsync(1);
    expect(found.is).toMatchObject({ name: "TimeoutError" });
  });

  it("has any time while it waits for a person, and ends with the call", async () => {
    const call = new AbortController();
    const found = outcome(within(null, NEVER, call.signal));
    await vi.advanceTimersByTimeAsync(1e9);
    expect(found.is).toBe("pending");
    call.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(found.is).toMatchObject({ name: "AbortError" });
  });

  it("that is settled leaves nothing behind", async () => {
    const call = new AbortController();
    const remove = vi.spyOn(call.signal, "removeEventListener");
    expect(await within(1000, Promise.resolve(7), call.signal)).toBe(7);
    await expect(within(1000, Promise.reject(new Error("no")), call.signal)).rejects.toThrow("no");
    expect(vi.getTimerCount()).toBe(0);
    expect(remove).toHaveBeenCalledTimes(2);
  });

  it("is not waited for when the call is over already", async () => {
    await expect(within(1000, NEVER, AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
  });
});
