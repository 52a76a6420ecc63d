import { describe, expect, it } from "vitest";
import { INITIAL } from "../conversation/machine";
import { strings } from "../strings";
import { words } from "../ui/words";
import { merged, publicName, serviceOf } from "./availability";
import type { Config, Health } from "./config";

const info = {
  version: "2.0",
  model: { id: "demo", revision: null, demo: true },
  upstream: { version: "0.2" },
  device: "cpu",
  slots: { total: 4, used: 1 },
};

function config(health: Partial<Health>, slots = info.slots): Config {
  const whole: Health = { status: "ready", phase: "ready", progress: 1, detail: "serving", ...health };
  return { version: "1", mode: "proxy", chat_url: "x", moshi: { url: "", health: whole, info: { ...info, slots } } };
}

const said = (from: Config | null) => words(INITIAL, false, serviceOf(from));

describe("an idle page", () => {
  it("is ready only when the service is", () => {
    expect(said(config({}))).toEqual(strings.idle);
    const others = [
      said(null),
      words(INITIAL, false, { name: "unknown" }),
      said(config({}, { total: 4, used: 4 })),
      ...(["starting", "unreachable", "failed", "draining"] as const).map((status) => said(config({ status }))),
    ];
    for (const other of others) expect(other.title).not.toBe(strings.idle.title);
    expect(new Set(others.map(({ title }) => title)).size).toBe(others.length);
  });

  it("says how far the model is, and why it failed", () => {
    const loading = { status: "starting", phase: "download", detail: "6 of 15 GB" } as const;
    expect(said(config(loading)).detail).toBe("Downloading the model. 6 of 15 GB.");
    expect(said(config({ status: "failed", detail: "no space left" })).detail).toContain("no space left");
  });

  it("remembers what moshi said of itself while moshi is away", () => {
    const away = config({ status: "unreachable" });
    const without = { ...away, moshi: { ...away.moshi, info: null } };
    expect(merged(config({}), without)?.moshi).toEqual({ ...without.moshi, info });
    expect(merged(config({}), null)).toEqual(config({}));
    expect(merged(null, null)).toBeNull();
  });

  it("shows no folder of the server", () => {
    expect(publicName("/srv/models/moshi-de")).toBe("moshi-de");
    expect(publicName("C:\\models\\moshi-de\\")).toBe("moshi-de");
    expect(publicName("../weights/mine")).toBe("mine");
    expect(publicName("kyutai/moshiko-pytorch-bf16")).toBe("kyutai/moshiko-pytorch-bf16");
    expect(publicName("/home/ann/m holds no config.json; see https://a.example/b/c")).toBe(
      "m holds no config.json; see https://a.example/b/c",
    );
  });
});
