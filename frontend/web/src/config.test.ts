import { describe, expect, it } from "vitest";
import { chatUrl, secureUrl, trustUrl } from "./config";

describe("the address of a conversation", () => {
  it("is this page's host when the frontend passes it on", () => {
    const config = { chat_url: "api/chat" };
    expect(chatUrl(config, "http://localhost:8080/?codec=wasm", {})).toBe("ws://localhost:8080/api/chat?protocol=2");
    expect(chatUrl(config, "https://talk.example/", {})).toBe("wss://talk.example/api/chat?protocol=2");
  });

  it("is moshi's own in direct mode", () => {
    const config = { chat_url: "wss://gpu.example:8998/api/chat" };
    expect(chatUrl(config, "https://talk.example/", {})).toBe("wss://gpu.example:8998/api/chat?protocol=2");
  });

  it("carries what the person has chosen", () => {
    const url = chatUrl({ chat_url: "api/chat" }, "https://talk.example/", { seed: 7, voice: "a&b" });
    expect(url).toBe("wss://talk.example/api/chat?protocol=2&seed=7&voice=a%26b");
  });
});

it("moshi's certificate is looked at where moshi is", () => {
  const moshi = { url: "https://gpu.example:8998", health: {} as never, info: null };
  expect(trustUrl({ moshi })).toBe("https://gpu.example:8998/alive");
});

it("an insecure page has a secure address", () => {
  expect(secureUrl("http://192.0.2.7:8080/?codec=wasm")).toBe("https://192.0.2.7:8080/?codec=wasm");
});
