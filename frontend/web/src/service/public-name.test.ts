import { expect, it } from "vitest";
import { publicName } from "./public-name";

it("shows no folder of the server", () => {
  expect(publicName("/srv/models/moshi-de")).toBe("moshi-de");
  expect(publicName("C:\\models\\moshi-de\\")).toBe("moshi-de");
  expect(publicName("../weights/mine")).toBe("mine");
  expect(publicName("kyutai/moshiko-pytorch-bf16")).toBe("kyutai/moshiko-pytorch-bf16");
  expect(publicName("/home/ann/m holds no config.json; see https://a.example/b/c")).toBe(
    "m holds no config.json; see https://a.example/b/c",
  );
});
