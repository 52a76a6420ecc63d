import { expect, it, vi } from "vitest";
import { atEnd } from "./release";

it("lets go of everything at the end, and of what comes late", () => {
  const call = new AbortController();
  const [first, late] = [vi.fn(), vi.fn()];
  atEnd(call.signal, first);
  expect(first).not.toHaveBeenCalled();
  call.abort();
  call.abort();
  atEnd(call.signal, late);
  expect(first).toHaveBeenCalledTimes(1);
  expect(late).toHaveBeenCalledTimes(1);
});
