import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { STEP_MS, type Step, StepFailed, step } from "./steps";

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

describe("a step", () => {
  const going = new AbortController().signal;

  it.each(Object.keys(STEP_MS) as Step[])("«%s» that takes too long, or fails, is named", async (name) => {
    const slow = outcome(step(name, NEVER, going));
    await vi.advanceTimersByTimeAsync(STEP_MS[name]);
    expect(slow.is).toBeInstanceOf(StepFailed);
    expect(slow.is).toMatchObject({ step: name });
    await expect(step(name, Promise.reject(new Error("broken")), going)).rejects.toMatchObject({ step: name });
  });

  it("that is cancelled has not failed", async () => {
    const call = new AbortController();
    const found = outcome(step("speaker", NEVER, call.signal));
    call.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(found.is).toMatchObject({ name: "AbortError" });
  });
});
