import { describe, expect, it } from "vitest";
import { parse, shown, valid } from "./settings";
import type { Advertised, ChoiceSetting, NumberSetting } from "./types";

const temperature: NumberSetting = { type: "number", minimum: 0, maximum: 2, default: 0.8 };
const seed: NumberSetting = { type: "integer", minimum: 0, maximum: Number("18446744073709551615"), default: null };
const voice: ChoiceSetting = { type: "string", enum: ["calm", "bright"], default: "calm" };
const advertised: Advertised = { temperature, seed, voice, hologram: { type: "image" } };

describe("settings", () => {
  it("are those that the service advertises and the page can show", () => {
    expect(shown(advertised).map(([name]) => name)).toEqual(["temperature", "seed", "voice"]);
    expect(shown({})).toEqual([]);
  });

  it("have one seed where one will do, and a hidden one is not sent", () => {
    const seeds = { text_seed: seed, audio_seed: seed };
    expect(shown({ ...seeds, seed }).map(([name]) => name)).toEqual(["seed"]);
    expect(shown(seeds).map(([name]) => name)).toEqual(["text_seed", "audio_seed"]);
    expect(valid({ text_seed: 1, seed: 2 }, { ...seeds, seed })).toEqual({ seed: 2 });
  });

  it.each([
    ["0", 0],
    ["2", 2],
    [" 0.7 ", 0.7],
    ["0,7", 0.7],
    ["2.01", null],
    ["-1", null],
    ["", null],
    ["warm", null],
    ["1e999", null],
  ])("a number is read from «%s»", (text, value) => {
    expect(parse(temperature, text)).toBe(value);
  });

  it("whole numbers and choices are checked as what they are", () => {
    expect(parse(seed, "12")).toBe(12);
    expect(parse(seed, "1.5")).toBeNull();
    expect(parse(seed, "9007199254740993"), "a number would lose its last digit").toBe("9007199254740993");
    expect(parse(seed, "99999999999999999999")).toBeNull();
    expect(parse(seed, "18446744073709551615")).toBe("18446744073709551615");
    expect(parse(seed, "18446744073709551616"), "one too many, which rounding would hide").toBeNull();
    expect(valid({ seed: "18446744073709551616" }, advertised)).toEqual({});
    expect(parse(seed, "1e18")).toBeNull();
    expect(valid({ seed: "9007199254740993" }, advertised)).toEqual({ seed: "9007199254740993" });
    expect(parse(voice, "bright")).toBe("bright");
    expect(parse(voice, "loud")).toBeNull();
  });

  it("that a service no longer takes are not sent to it", () => {
    const kept = { temperature: 1.5, seed: 7, voice: "bright" };
    expect(valid(kept, advertised)).toEqual(kept);
    expect(valid({ ...kept, gone: 1 }, advertised)).toEqual(kept);
    expect(valid({ temperature: 3, seed: 1.5, voice: "loud" }, advertised)).toEqual({});
    expect(valid({ temperature: "1", voice: 1 }, advertised)).toEqual({});
    expect(valid(kept, {})).toEqual({});
  });
});
