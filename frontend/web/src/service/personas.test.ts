import { describe, expect, it } from "vitest";
import { asked, company, isPersona, NOBODY, OWN, roleTokens } from "./personas";
import type { Personas } from "./types";

const offered: Personas = {
  voices: [
    { id: "NATF0", seconds: 4 },
    { id: "own", seconds: 2 },
  ],
  default_voice: "NATF0",
  text_prompt: "free",
  presets: [{ id: "guide", name: "Museum guide", text: "You are a guide.", tokens: 9 }],
  max_characters: 800,
  max_tokens: 85,
};

describe("a persona", () => {
  it("asks for nothing that was not picked", () => {
    expect(asked(NOBODY, offered)).toEqual({});
    expect(asked({ voice: "own", role: "guide", text: "kept" }, null)).toEqual({});
  });

  it("asks by PersonaPlex's names", () => {
    const text = "You are a guide.";
    expect(asked({ voice: "own", role: "guide", text: "" }, offered)).toEqual({
      voice_prompt: "own",
      text_prompt: text,
    });
    expect(asked({ voice: "", role: OWN, text: " Be kind. " }, offered)).toEqual({ text_prompt: "Be kind." });
  });

  it("asks for nothing that is no longer offered", () => {
    expect(asked({ voice: "gone", role: "gone", text: "" }, offered)).toEqual({});
    const own = { voice: "", role: OWN, text: "Be kind." };
    expect(asked(own, { ...offered, text_prompt: "presets" })).toEqual({});
    expect(asked({ ...own, role: "guide" }, { ...offered, text_prompt: "off", presets: [] })).toEqual({});
  });

  it("tells what its role costs", () => {
    expect(roleTokens({ ...NOBODY, role: "guide" }, offered)).toBe(9);
    expect(roleTokens({ ...NOBODY, role: OWN, text: "Be kind and brief." }, offered)).toBe(5);
    expect(roleTokens(NOBODY, offered)).toBe(0);
  });

  it("is shown by the name of a preset, else by its text", () => {
    const settings = { voice_prompt: "own", text_prompt: "You are a guide." };
    expect(company(settings, offered)).toEqual({ voice: "own", role: "Museum guide" });
    expect(company({ text_prompt: "Be kind." }, offered)).toEqual({ voice: "", role: "Be kind." });
    expect(company({}, offered)).toBeNull();
  });

  it("is remembered only if it is one", () => {
    expect(isPersona(NOBODY)).toBe(true);
    expect([null, 3, [], { voice: "a", role: "b" }, { ...NOBODY, text: 1 }].some(isPersona)).toBe(false);
  });
});
