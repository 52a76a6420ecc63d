import { beforeEach, expect, it, vi } from "vitest";
import { measure } from "../audio/check";
import { StepFailed } from "../audio/steps";
import { strings } from "../strings";
import { beginCheck, check, endCheck, watchCheck } from "./check";
import { openMicrophone } from "./devices";
import { microphoneHeard } from "./loudness";
import { microphoneId } from "./preferences";

vi.mock("../audio/check", () => ({ measure: vi.fn() }));
vi.mock("../audio/speaker", () => ({ openAudio: vi.fn() }));
vi.mock("./devices", () => ({ openMicrophone: vi.fn() }));

const LOUD = 0.1;
const events = new EventTarget();
const track = Object.assign(new EventTarget(), { label: "Headset" });
const stream = { getAudioTracks: () => [track] } as unknown as MediaStream;
const opened = vi.mocked(openMicrophone);
const document = Object.assign(new EventTarget(), { visibilityState: "visible" });

vi.stubGlobal("document", document);
vi.stubGlobal("addEventListener", events.addEventListener.bind(events));
watchCheck();

/** Aborted once the microphone is let go of. */
const over = (): AbortSignal => opened.mock.lastCall?.[1] as AbortSignal;

beforeEach(() => {
  endCheck();
  vi.useFakeTimers();
  vi.clearAllMocks();
  document.visibilityState = "visible";
  opened.mockResolvedValue(stream);
  vi.mocked(measure).mockResolvedValue(undefined);
});

it("names the device, and says that the person is heard from the first word on", async () => {
  const begun = beginCheck();
  expect(check.value).toEqual({ name: "opening" });
  await begun;
  expect(check.value).toEqual({ name: "listening", device: "Headset", heard: false });
  microphoneHeard(LOUD);
  expect(check.value).toMatchObject({ heard: true });
  microphoneHeard(0);
  expect(check.value).toMatchObject({ heard: true });
});

it.each([
  ["the person ends it", endCheck],
  ["the page is behind another one", () => hide()],
  ["the page is left", () => events.dispatchEvent(new Event("pagehide"))],
  ["a minute has passed", () => vi.advanceTimersByTime(60_000)],
])("lets go of the microphone when %s", async (_, happens) => {
  await beginCheck();
  expect(over().aborted).toBe(false);
  happens();
  expect(over().aborted).toBe(true);
  expect(check.value).toEqual({ name: "off" });
});

function hide(): void {
  document.visibilityState = "hidden";
  document.dispatchEvent(new Event("visibilitychange"));
}

it("begins anew with another microphone, and when its own is unplugged", async () => {
  await beginCheck();
  const first = over();
  microphoneId.value = "other";
  await vi.advanceTimersByTimeAsync(0);
  expect(first.aborted).toBe(true);
  expect(opened).toHaveBeenLastCalledWith("other", over());
  const second = over();
  track.dispatchEvent(new Event("ended"));
  await vi.advanceTimersByTimeAsync(0);
  expect(second.aborted).toBe(true);
  expect(check.value).toMatchObject({ name: "listening", heard: false });
  expect(opened).toHaveBeenCalledTimes(3);
});

it("takes no microphone that is granted after its end", async () => {
  let grant: (stream: MediaStream) => void = () => undefined;
  opened.mockReturnValue(new Promise((resolve) => (grant = resolve)));
  const begun = beginCheck();
  endCheck();
  grant(stream);
  await begun;
  expect(measure).not.toHaveBeenCalled();
  expect(check.value).toEqual({ name: "off" });
});

it("says why it cannot listen, and holds nothing", async () => {
  opened.mockResolvedValue("NotAllowedError");
  await beginCheck();
  expect(check.value).toEqual({ name: "failed", reason: strings.problems.microphoneDenied });
  expect(over().aborted).toBe(true);
  opened.mockResolvedValue(stream);
  vi.mocked(measure).mockRejectedValue(new StepFailed("speaker"));
  await beginCheck();
  expect(check.value).toEqual({ name: "failed", reason: strings.problems.steps.speaker });
  expect(over().aborted).toBe(true);
});
