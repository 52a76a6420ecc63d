import { expect, it, vi } from "vitest";
import { BROWSER_FAILED, LOST } from "../audio/protocol/closing";
import { chatUrl } from "./address";
import { callEvents } from "./handlers";
import { connect } from "./index";

it.each([
  ["https://talk.example", "wss://talk.example/api/chat?protocol=2"],
  ["https://talk.example/moshi/", "wss://talk.example/moshi/api/chat?protocol=2"],
  ["http://localhost:8080/#settings", "ws://localhost:8080/api/chat?protocol=2"],
  ["wss://talk.example/moshi/api/chat", "wss://talk.example/moshi/api/chat?protocol=2"],
])("the address of the conversation at %s", (service, expected) => {
  expect(chatUrl(service, {})).toBe(expected);
});

it("has the settings", () => {
  const url = chatUrl(new URL("https://talk.example/"), { seed: 7, text_prompt: "be kind" });
  expect(url).toBe("wss://talk.example/api/chat?protocol=2&seed=7&text_prompt=be+kind");
});

it.each(["talk.example", "ftp://talk.example", ""])("%s is no address", (service) => {
  expect(() => chatUrl(service, {})).toThrow(TypeError);
});

it("captions, levels and the queue reach their handlers", () => {
  const handlers = { onCaption: vi.fn(), onLevels: vi.fn(), onQueue: vi.fn(), onEvent: vi.fn(), onLive: vi.fn() };
  const events = callEvents(handlers);
  const queue = { type: "queue", position: 2, wait_seconds: 9, longest_wait_seconds: null } as const;
  events.onServerEvent(queue);
  events.onLive();
  events.onText(" Hello");
  events.onLevels(0.1, 0.2);
  expect(handlers.onQueue).toHaveBeenCalledExactlyOnceWith(2, 9);
  expect(handlers.onEvent).toHaveBeenCalledExactlyOnceWith(queue);
  expect(handlers.onLive).toHaveBeenCalledOnce();
  expect(handlers.onCaption).toHaveBeenCalledExactlyOnceWith(" Hello");
  expect(handlers.onLevels).toHaveBeenCalledExactlyOnceWith(0.1, 0.2);
});

it("the end has the service's own words, and the close frame's without them", () => {
  const onEnd = vi.fn();
  const told = callEvents({ onEnd });
  told.onServerEvent({ type: "end", code: 1013, reason: "full", retry_after: 9, error: "queue-full" });
  told.onClose(LOST, "");
  callEvents({ onEnd }).onClose(1013, "full; Retry-After: 4");
  const complained = callEvents({ onEnd });
  complained.onServerError("no place");
  complained.onClose(1011, "");
  callEvents({ onEnd }).onFailed("codec");
  expect(onEnd.mock.calls.map(([end]) => end)).toEqual([
    { code: 1013, reason: "full", error: "queue-full", retryAfter: 9 },
    { code: 1013, reason: "full", error: null, retryAfter: 4 },
    { code: 1011, reason: "no place", error: null, retryAfter: null },
    { code: BROWSER_FAILED, reason: 'the browser failed at the step "codec"', error: null, retryAfter: null },
  ]);
});

it("a page that is not secure learns what it lacks", async () => {
  vi.stubGlobal("isSecureContext", false);
  await expect(connect("https://talk.example")).rejects.toThrow("serve it over HTTPS, or from localhost");
  vi.unstubAllGlobals();
});

it("a site without handlers needs none", () => {
  const events = callEvents({});
  events.onText("");
  events.onClose(1000, "");
});
