import { expect, it } from "vitest";
import { merged, serviceOf } from "./availability";
import type { Config, Health } from "./types";

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

it.each([
  ["ready", config({}), { name: "ready" }],
  ["full when every slot is in use", config({}, { total: 4, used: 4 }), { name: "full" }],
  ["gone when nothing answers", null, { name: "gone" }],
])("the service is %s", (_, latest, service) => {
  expect(serviceOf(latest)).toEqual(service);
});

it("remembers what moshi said of itself while moshi is away", () => {
  const away = config({ status: "unreachable" });
  const without = { ...away, moshi: { ...away.moshi, info: null } };
  expect(merged(config({}), without)?.moshi).toEqual({ ...without.moshi, info });
  expect(merged(config({}), null)).toEqual(config({}));
  expect(merged(null, null)).toBeNull();
});
