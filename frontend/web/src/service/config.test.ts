import { describe, expect, it } from "vitest";
import { chatUrl, phoneUrl, secureUrl, trustUrl } from "./config";
import type { Config } from "./types";

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

describe("an insecure page", () => {
  const page = "http://talk.example:8080/talk/?codec=wasm";

  it("has the secure address that the service says it has, on the same path", () => {
    const config = { secure_origin: "https://talk.example" };
    expect(secureUrl(config, page)).toBe("https://talk.example/talk/?codec=wasm");
  });

  it("has none that the service does not know of", () => {
    expect(secureUrl({ secure_origin: null }, page)).toBeNull();
    expect(secureUrl({} as Pick<Config, "secure_origin">, page)).toBeNull(); // an older service
  });
});

describe("the address for a phone", () => {
  const origins = ["https://192.168.0.10:8080", "https://10.0.0.1:8080"];
  const config = { secure_origin: null, devices: { origins, authority: null } };

  it("is the service's own in its network, on a page that only this machine can open", () => {
    for (const host of ["localhost", "127.0.0.3", "0.0.0.0", "[::1]", "[::]", "talk.localhost"]) {
      expect(phoneUrl(config, `https://${host}:8080/?codec=wasm#x`)).toBe("https://192.168.0.10:8080/");
    }
  });

  it("is the page's own where others can open it", () => {
    const own = { secure_origin: "https://talk.example", devices: { origins: [], authority: null } };
    expect(phoneUrl(own, "https://talk.example/talk/?codec=wasm")).toBe("https://talk.example/talk/");
  });

  it("is none where the service is open to this machine only", () => {
    expect(phoneUrl({ ...config, devices: { origins: [], authority: null } }, "http://localhost:8080/")).toBeNull();
    const older = { secure_origin: null } as unknown as typeof config;
    expect(phoneUrl(older, "http://localhost:8080/")).toBeNull();
  });
});
