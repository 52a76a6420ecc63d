import { afterEach, expect, it, vi } from "vitest";
import { strings } from "../strings";
import { state } from "./state";
import { keepAwake } from "./wake-lock";

afterEach(() => {
  vi.unstubAllGlobals();
});

it("keeps the screen on from Connect to the end, and again after the page was hidden", async () => {
  const release = vi.fn(async () => undefined);
  const locks: { released: boolean; release: typeof release }[] = [];
  const request = vi.fn(async () => {
    locks.push({ released: false, release });
    return locks.at(-1);
  });
  let whenVisible = (): void => undefined;
  vi.stubGlobal("navigator", { wakeLock: { request } });
  vi.stubGlobal("document", {
    visibilityState: "visible",
    addEventListener: (_name: string, listener: () => void) => {
      whenVisible = listener;
    },
  });
  keepAwake();
  expect(request).not.toHaveBeenCalled();
  state.value = { name: "connecting", said: null, attempt: 0, lost: false, muted: false };
  await vi.waitFor(() => expect(request).toHaveBeenCalledTimes(1));
  const lock = locks[0];
  if (lock) lock.released = true; // as the browser does when the page is hidden
  whenVisible();
  await vi.waitFor(() => expect(request).toHaveBeenCalledTimes(2));
  state.value = { name: "ended", reason: strings.hungUp, seconds: 1 };
  await vi.waitFor(() => expect(release).toHaveBeenCalled());
});
