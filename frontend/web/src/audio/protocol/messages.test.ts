import { describe, expect, it } from "vitest";
import type { SessionEvent } from "./generated";
import { audioMessage, parseMessage } from "./messages";

function message(kind: number, body: string | number[] = []): ArrayBuffer {
  const bytes = typeof body === "string" ? [...new TextEncoder().encode(body)] : body;
  return Uint8Array.from([kind, ...bytes]).buffer;
}

describe("a message", () => {
  it("is what its first byte says", () => {
    expect(parseMessage(message(0, [0, 0, 0, 0, 0, 0, 0, 0]))).toEqual({ kind: "handshake" });
    expect(parseMessage(message(1, [9, 8]))).toEqual({ kind: "audio", ogg: Uint8Array.of(9, 8) });
    expect(parseMessage(message(2, " été"))).toEqual({ kind: "text", text: " été" });
    expect(parseMessage(message(5, "out of order"))).toEqual({ kind: "error", text: "out of order" });
    expect(parseMessage(message(6))).toEqual({ kind: "ping" });
    expect(parseMessage(message(4, '{"type":"end","code":1013,"reason":"full"}'))).toEqual({
      kind: "event",
      event: { type: "end", code: 1013, reason: "full" },
    });
  });

  it("of a session says what its prefill took", () => {
    const said = {
      type: "session",
      id: "a",
      settings: {
        text_temperature: 0.7,
        text_topk: 25,
        text_seed: 3,
        audio_temperature: 0.8,
        audio_topk: 250,
        audio_seed: "18446744073709551615",
      },
      prefill: { steps: 40, seconds: 1.5, remembered: true },
    } satisfies SessionEvent;
    expect(parseMessage(message(4, JSON.stringify(said)))).toEqual({ kind: "event", event: said });
  });

  it("means nothing when it is empty, unknown or broken", () => {
    for (const data of [
      new ArrayBuffer(0),
      message(3, [0]),
      message(99),
      message(4, "{"),
      message(4, '{"type":"?"}'),
    ]) {
      expect(parseMessage(data)).toBeNull();
    }
  });

  it("carries audio behind its kind", () => {
    expect([...audioMessage(Uint8Array.of(5, 6))]).toEqual([1, 5, 6]);
  });
});
