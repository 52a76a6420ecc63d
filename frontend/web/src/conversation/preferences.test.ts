import { afterEach, expect, it, vi } from "vitest";

function storage(held: Record<string, string>) {
  return {
    getItem: (name: string) => held[name] ?? null,
    setItem: (name: string, value: string) => {
      held[name] = value;
    },
  };
}

async function loaded(held: Record<string, string>) {
  vi.resetModules();
  vi.stubGlobal("localStorage", storage(held));
  return import("./preferences");
}

afterEach(() => {
  vi.unstubAllGlobals();
});

it("are remembered", async () => {
  const held: Record<string, string> = {};
  const first = await loaded(held);
  first.chosen.value = { seed: 7, voice: "calm" };
  const second = await loaded(held);
  expect(second.chosen.value).toEqual({ seed: 7, voice: "calm" });
});

it.each([
  ["scenario6.push-to-talk", '"yes"'],
  ["scenario6.settings", "[1]"],
  ["scenario6.settings", '{"seed":null}'],
  ["scenario6.settings", "{not json"],
])("begin anew where %s holds %s", async (name, value) => {
  const preferences = await loaded({ [name]: value });
  expect(preferences.pushToTalk.value).toBe(false);
  expect(preferences.chosen.value).toEqual({});
});

it("hold for this tab where the browser stores nothing, as in some private windows", async () => {
  const refuse = () => {
    throw new DOMException("", "SecurityError");
  };
  vi.resetModules();
  vi.stubGlobal("localStorage", { getItem: refuse, setItem: refuse });
  const { pushToTalk } = await import("./preferences");
  expect(pushToTalk.value).toBe(false);
  pushToTalk.value = true;
  expect(pushToTalk.value).toBe(true);
});
