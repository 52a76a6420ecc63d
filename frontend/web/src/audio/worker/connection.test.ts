import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Decoder } from "../codec/decoder";
import { createEncoder, type Encoder } from "../codec/encoder";
import { BROWSER_FAILED, LOST } from "../protocol/closing";
import { CloseCode, Kind } from "../protocol/generated";
import { Connection } from "./connection";
import { DOUBTED_PINGS, SILENT_PINGS, UNANSWERED_PINGS } from "./heartbeat";
import type { FromWorker } from "./messages";

vi.mock("../codec/decoder", () => ({ Decoder: { create: vi.fn() } }));
vi.mock("../codec/encoder", () => ({ createEncoder: vi.fn() }));

class FakeSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static last: FakeSocket;
  readyState = FakeSocket.OPEN;
  bufferedAmount = 0;
  onmessage: (event: { data: ArrayBuffer | string }) => void = () => undefined;
  onclose: (event: { code: number; reason: string }) => void = () => undefined;
  readonly close = vi.fn();
  readonly sent: number[] = [];

  constructor(readonly url: string) {
    FakeSocket.last = this;
  }

  send(message: Uint8Array): void {
    this.sent.push(message[0] as number);
  }

  receives(kind: number, text = ""): void {
    this.onmessage({ data: Uint8Array.from([kind, ...new TextEncoder().encode(text)]).buffer });
  }
}

type Spoken = (event: { data: Float32Array }) => void;
const capture = { onmessage: null as Spoken | null, close: vi.fn() };
const playback = { postMessage: vi.fn(), close: vi.fn() };
const encoder = { codec: "wasm", encode: vi.fn(), close: vi.fn() } satisfies Encoder;
let onPacket: (packet: Uint8Array) => void;
let onFailure: (reason: string) => void;
const ask = vi.fn<(url: URL) => Promise<void>>();
let onNetworkChange: () => void;
let told: FromWorker[];

function open(): { connection: Connection; socket: FakeSocket } {
  const options = {
    type: "connect",
    url: "ws://x/talk/api/chat?protocol=2",
    codec: "auto",
    sampleRate: 48_000,
    capture,
    playback,
  } as const;
  const connection = new Connection(
    options as unknown as ConstructorParameters<typeof Connection>[0],
    (message) => void told.push(message),
  );
  return { connection, socket: FakeSocket.last };
}

async function live(): Promise<{ connection: Connection; socket: FakeSocket }> {
  const opened = open();
  await opened.connection.loadCodec();
  opened.socket.receives(Kind.Handshake);
  return opened;
}

/** The computer sleeps: its clock goes on, and no timer does. */
function sleep(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

const named = (type: FromWorker["type"]): FromWorker[] => told.filter((message) => message.type === type);
const report = () => named("report").at(-1) as Extract<FromWorker, { type: "report" }>;

beforeEach(() => {
  vi.useFakeTimers();
  vi.clearAllMocks();
  told = [];
  capture.onmessage = null;
  const self = {
    close: vi.fn(),
    setInterval: (work: () => void, ms: number) => setInterval(work, ms),
    setTimeout: (work: () => void, ms: number) => setTimeout(work, ms),
    addEventListener: (_: string, changed: () => void) => {
      onNetworkChange = changed;
    },
  };
  vi.stubGlobal("self", self);
  vi.stubGlobal("navigator", {});
  vi.stubGlobal("fetch", ask);
  ask.mockRejectedValue(new TypeError("no network"));
  vi.stubGlobal("WebSocket", FakeSocket);
  const decoder = { decode: () => new Float32Array(1920) } as unknown as Decoder;
  vi.mocked(Decoder.create).mockResolvedValue(decoder);
  vi.mocked(createEncoder).mockImplementation(async (_choice, _rate, packet, failure) => {
    [onPacket, onFailure] = [packet, failure];
    return encoder;
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a connection", () => {
  it("keeps early messages in order until the codec is loaded", async () => {
    const { connection, socket } = open();
    socket.receives(Kind.Metadata, '{"type":"queue","position":1,"wait_seconds":null}');
    socket.receives(Kind.Handshake);
    socket.receives(Kind.Text, " Hi");
    expect(told).toEqual([]);
    await connection.loadCodec();
    expect(told.map(({ type }) => type)).toEqual(["codec loaded", "event", "live", "text"]);
    expect(socket.sent).toEqual([Kind.Audio]); // the stream's headers
  });

  it("sends speech from the handshake on, and plays the answers", async () => {
    const { connection, socket } = open();
    await connection.loadCodec();
    const spoken = { data: new Float32Array(960) };
    capture.onmessage?.(spoken);
    expect(encoder.encode).not.toHaveBeenCalled();
    socket.receives(Kind.Handshake);
    capture.onmessage?.(spoken);
    expect(encoder.encode).toHaveBeenCalledOnce();
    onPacket(new Uint8Array(50));
    expect(socket.sent).toEqual([Kind.Audio, Kind.Audio]);
    socket.receives(Kind.Audio);
    expect(playback.postMessage).toHaveBeenCalledOnce();
  });

  it("drops speech, and counts it, when the socket is stuck", async () => {
    const { socket } = await live();
    socket.bufferedAmount = 65_537;
    onPacket(new Uint8Array(50));
    await vi.advanceTimersByTimeAsync(250);
    expect(socket.sent).toEqual([Kind.Audio]);
    expect(report().report).toMatchObject({ droppedInputPackets: 1, audioMessagesOut: 1, codec: "wasm" });
  });

  it("measures the round trip, and is lost when the server answers no pings", async () => {
    const { socket } = await live();
    await vi.advanceTimersByTimeAsync(1000);
    expect(socket.sent).toEqual([Kind.Audio, Kind.Ping]);
    await vi.advanceTimersByTimeAsync(40);
    socket.receives(Kind.Ping);
    await vi.advanceTimersByTimeAsync(250);
    expect(report().report.roundTripMs).toBe(40);
    await vi.advanceTimersByTimeAsync((UNANSWERED_PINGS - 1) * 1000);
    expect(named("close")).toEqual([]);
    await vi.advanceTimersByTimeAsync(2000);
    expect(named("close")).toEqual([{ type: "close", code: LOST, reason: "" }]);
  });

  it("is lost sooner when the network has changed and nothing comes any more", async () => {
    await live();
    await vi.advanceTimersByTimeAsync(1000);
    onNetworkChange();
    await vi.advanceTimersByTimeAsync(DOUBTED_PINGS * 1000);
    expect(named("close")).toEqual([]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(named("close")).toEqual([{ type: "close", code: LOST, reason: "" }]);
  });

  it("is lost sooner after a sleep of 30 s when nothing comes any more", async () => {
    await live();
    await vi.advanceTimersByTimeAsync(1000);
    sleep(30_000);
    await vi.advanceTimersByTimeAsync(DOUBTED_PINGS * 1000);
    expect(named("close")).toEqual([]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(named("close")).toEqual([{ type: "close", code: LOST, reason: "" }]);
  });

  it("goes on after a sleep of 30 s when the server still answers", async () => {
    const { socket } = await live();
    await vi.advanceTimersByTimeAsync(1000);
    sleep(30_000);
    await vi.advanceTimersByTimeAsync(DOUBTED_PINGS * 1000);
    socket.receives(Kind.Ping);
    await vi.advanceTimersByTimeAsync(UNANSWERED_PINGS * 1000);
    expect(named("close")).toEqual([]);
  });

  it("is lost sooner when the service answers new connections only", async () => {
    await live();
    ask.mockResolvedValue();
    await vi.advanceTimersByTimeAsync((SILENT_PINGS + DOUBTED_PINGS) * 1000);
    expect(String(ask.mock.lastCall?.[0])).toBe("http://x/talk/alive");
    expect(named("close")).toEqual([]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(named("close")).toEqual([{ type: "close", code: LOST, reason: "" }]);
  });

  it("is lost when the server does not answer at all", async () => {
    open().socket.readyState = FakeSocket.CONNECTING;
    await vi.advanceTimersByTimeAsync(19_999);
    expect(named("close")).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(named("close")).toEqual([{ type: "close", code: LOST, reason: "" }]);
  });

  it("tells early messages before the close, releases everything, and tells nothing more", async () => {
    const { connection, socket } = open();
    socket.receives(Kind.Error, "no place");
    socket.onclose({ code: CloseCode.TryLater, reason: "full" });
    await connection.loadCodec();
    expect(told.map(({ type }) => type)).toEqual(["error", "report", "close"]);
    expect(capture.close).toHaveBeenCalledOnce();
    expect(playback.close).toHaveBeenCalledOnce();
    expect(self.close).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(told).toHaveLength(3);
  });

  it("closes when the encoder breaks", async () => {
    await live();
    onFailure("no memory");
    expect(named("close")).toEqual([{ type: "close", code: BROWSER_FAILED, reason: "no memory" }]);
    expect(encoder.close).toHaveBeenCalledOnce();
  });
});

describe("hanging up", () => {
  it("waits a second for the server's answer, and sends nothing meanwhile", async () => {
    const { connection, socket } = await live();
    connection.hangUp();
    expect(socket.close).toHaveBeenCalledExactlyOnceWith(CloseCode.Finished);
    capture.onmessage?.({ data: new Float32Array(960) });
    socket.receives(Kind.Handshake);
    expect(encoder.encode).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(999);
    expect(named("close")).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(named("close")).toEqual([{ type: "close", code: CloseCode.Finished, reason: "" }]);
    expect(named("live")).toHaveLength(1);
  });
});
