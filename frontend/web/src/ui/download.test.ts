import { expect, it } from "vitest";
import { fileName } from "./download";

it("a file is named by when the conversation began", () => {
  expect(fileName(new Date(2026, 0, 9, 7, 5), ".vtt")).toBe("moshi-2026-01-09-0705.vtt");
});
