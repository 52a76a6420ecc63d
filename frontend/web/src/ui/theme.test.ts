import { afterEach, expect, it, vi } from "vitest";

async function loaded(held: Record<string, string>) {
  vi.resetModules();
  vi.stubGlobal("localStorage", {
    getItem: (name: string) => held[name] ?? null,
    setItem: (name: string, value: string) => {
      held[name] = value;
    },
  });
  return import("./theme");
}

afterEach(() => {
  vi.unstubAllGlobals();
});

it("is remembered", async () => {
  const held: Record<string, string> = {};
  const first = await loaded(held);
  first.theme.value = "dark";
  const second = await loaded(held);
  expect(second.theme.value).toBe("dark");
});

it.each(['"purple"', "{not json"])("is the system's where the browser holds %s", async (value) => {
  const { theme } = await loaded({ "scenario6.theme": value });
  expect(theme.value).toBe("system");
});

it("holds for the tab where storage is forbidden", async () => {
  vi.resetModules();
  vi.stubGlobal("localStorage", {
    getItem: () => {
      throw new Error("forbidden");
    },
    setItem: () => {
      throw new Error("forbidden");
    },
  });
  const { theme } = await import("./theme");
  theme.value = "light";
  expect(theme.value).toBe("light");
});
