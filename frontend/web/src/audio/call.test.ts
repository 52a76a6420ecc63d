import { afterEach, beforeEach, describe, expect, it, type Mock, vi } from "vitest";
import { Call, type CallEvents } from "./call";
import { AudioGraph, type GraphEvents } from "./graph";
import { BROWSER_FAILED } from "./protocol/closing";
import { CloseCode } from "./protocol/generated";
import { STEP_MS } from "./steps";
import type { FromWorker, ToWorker } from "./worker/messages";

vi.mock("./graph", () => ({ AudioGraph: { open: vi.fn() } }));

class FakeWorker {
  static last: FakeWorker;
  onmessage: (event: { data: FromWorker }) => void = () => undefined;
  onerror: (event: { message: string }) => void = () => undefined;
  readonly terminate = vi.fn();
  readonly posted: ToWorker["type"][] = [];

  constructor() {
    FakeWorker.last = this;
  }

  postMessage({ type }: ToWorker): void {
    this.posted.push(type);
  }

  says(...messages: FromWorker[]): void {
    for (const data of messages) this.onmessage({ data });
  }
}

const STARTED: FromWorker = { type: "started" };
const LOADED: FromWorker = { type: "codec loaded" };
const LIVE: FromWorker = { type: "live" };
const broken: FromWorker = { type: "close", code: BROWSER_FAILED, reason: "broken" };

let events: { [name in keyof CallEvents]: Mock<CallEvents[name]> };
let end: AbortController;
let graph: { listen(given: GraphEvents): void; close: () => void; interrupted: boolean };
let heard: GraphEvents;

async function start(recordSeconds: number | null = null): Promise<{ call: Call; worker: FakeWorker }> {
  const context = { sampleRate: 48_000 } as AudioContext;
  const microphone = {} as MediaStream;
  const options = {
    url: "ws://x",
    codec: "auto",
    muted: false,
    recordSeconds,
    context,
    microphone,
    events,
    end,
  } as const;
  return { call: await Call.start(options), worker: FakeWorker.last };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("Worker", FakeWorker);
  vi.stubGlobal("navigator", { userAgent: "" });
  end = new AbortController();
  events = {
    onLive: vi.fn(),
    onText: vi.fn(),
    onServerEvent: vi.fn(),
    onServerError: vi.fn(),
    onClose: vi.fn(),
    onFailed: vi.fn(),
    onInterruption: vi.fn(),
    onMicrophoneLost: vi.fn(),
    onLevels: vi.fn(),
  };
  const fake = {
    listen: (given: GraphEvents) => {
      heard = given;
    },
    close: vi.fn(),
    connect: vi.fn(),
    setMuted: vi.fn(),
    interrupted: false,
    played: null,
    context: {},
    worklets: { recorder: {} },
  };
  graph = fake;
  vi.mocked(AudioGraph.open).mockResolvedValue(fake as unknown as AudioGraph);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a call whose browser does not do its part", () => {
  it("fails when the worker does not start in time", async () => {
    await start();
    await vi.advanceTimersByTimeAsync(STEP_MS.worker - 1);
    expect(events.onFailed).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(events.onFailed).toHaveBeenCalledExactlyOnceWith("worker");
    expect(end.signal.aborted).toBe(true);
  });

  it("fails when the codec does not load in time", async () => {
    const { worker } = await start();
    await vi.advanceTimersByTimeAsync(STEP_MS.worker - 1);
    worker.says(STARTED);
    await vi.advanceTimersByTimeAsync(STEP_MS.codec - 1);
    expect(events.onFailed).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(events.onFailed).toHaveBeenCalledExactlyOnceWith("codec");
  });

  it("fails when the worker breaks before it starts, or the codec before it is loaded", async () => {
    (await start()).worker.onerror({ message: "no" });
    expect(events.onFailed).toHaveBeenCalledExactlyOnceWith("worker");
    end = new AbortController();
    (await start()).worker.says(STARTED, broken);
    expect(events.onFailed).toHaveBeenLastCalledWith("codec");
    expect(events.onClose).not.toHaveBeenCalled();
  });

  it("ends when worker or codec break later", async () => {
    (await start()).worker.says(STARTED, LOADED, LIVE, broken);
    expect(events.onClose).toHaveBeenCalledExactlyOnceWith(BROWSER_FAILED, "broken");
    end = new AbortController();
    const { worker } = await start();
    worker.says(STARTED, LOADED);
    worker.onerror({ message: "no" });
    expect(events.onClose).toHaveBeenLastCalledWith(BROWSER_FAILED, "no");
    expect(events.onFailed).not.toHaveBeenCalled();
  });
});

it("a call waits for its handshake without a limit, and tells an interruption that began before it", async () => {
  const { worker } = await start();
  worker.says(STARTED, LOADED);
  await vi.advanceTimersByTimeAsync(3_600_000);
  graph.interrupted = true;
  worker.says(LIVE);
  expect(events.onFailed).not.toHaveBeenCalled();
  expect(events.onLive).toHaveBeenCalledOnce();
  expect(events.onInterruption).toHaveBeenCalledExactlyOnceWith(true);
});

it("a call records while it is live, and not in the queue", async () => {
  const { call, worker } = await start(60);
  const second = () => new Int16Array(2 * 24_000);
  worker.says(STARTED, LOADED);
  heard.onRecorded(second());
  expect(call.recording?.seconds).toBe(0);
  worker.says(LIVE);
  heard.onRecorded(second());
  expect(call.recording?.seconds).toBe(1);
  end.abort();
  heard.onRecorded(second());
  expect(call.recording?.seconds).toBe(1);
});

it("a call that is hung up releases everything, lets the worker say goodbye, and tells nothing more", async () => {
  const { worker } = await start();
  worker.says(STARTED, LOADED, LIVE);
  end.abort();
  expect(graph.close).toHaveBeenCalledOnce();
  expect(worker.posted).toEqual(["connect", "hang up"]);
  await vi.advanceTimersByTimeAsync(1999);
  expect(worker.terminate).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(worker.terminate).toHaveBeenCalledOnce();
  worker.says({ type: "text", text: "late" }, { type: "close", code: CloseCode.Finished, reason: "" });
  heard.onLevels(1, 1);
  heard.onInterruption();
  heard.onMicrophoneLost();
  for (const event of ["onText", "onClose", "onLevels", "onMicrophoneLost"] as const) {
    expect(events[event]).not.toHaveBeenCalled();
  }
  expect(events.onInterruption).toHaveBeenCalledOnce(); // with the handshake
});

it("the end is told before everything is released, which happens even if the page throws", async () => {
  const { call, worker } = await start();
  const stats = { type: "stats", step_ms: 9, lag_ms: 1, backlog_frames: 0, dropped_frames: 2 } as const;
  worker.says(STARTED, LOADED, LIVE, { type: "event", event: stats });
  events.onClose.mockImplementation(() => {
    expect(end.signal.aborted).toBe(false);
    expect(call.stats().stepMs).toBe(9);
    throw new Error("a bug of the page");
  });
  expect(() => worker.says({ type: "close", code: CloseCode.Finished, reason: "" })).toThrow("a bug of the page");
  expect(call.over.aborted).toBe(true);
});
