import { expect, it } from "vitest";
import { merged, serviceOf } from "./availability";
import { exampleConfig, info } from "./example";

it.each([
  ["ready", exampleConfig({}), { name: "ready" }],
  ["full when every slot is in use", exampleConfig({}, { total: 4, used: 4 }), { name: "full" }],
  ["gone when nothing answers", null, { name: "gone" }],
])("the service is %s", (_, latest, service) => {
  expect(serviceOf(latest)).toEqual(service);
});

it("remembers what moshi said of itself while moshi is away", () => {
  const away = exampleConfig({ status: "unreachable" });
  const without = { ...away, moshi: { ...away.moshi, info: null } };
  expect(merged(exampleConfig({}), without)?.moshi).toEqual({ ...without.moshi, info });
  expect(merged(exampleConfig({}), null)).toEqual(exampleConfig({}));
  expect(merged(null, null)).toBeNull();
});
