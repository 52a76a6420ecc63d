import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asJson, asText, asVtt, clock, type Line, withPiece } from "./transcript";

function said(...pieces: [number, string][]): readonly Line[] {
  return pieces.reduce<readonly Line[]>((lines, [now, piece]) => withPiece(lines, 0, piece, now), []);
}

describe("a transcript", () => {
  it("joins the pieces of a sentence, spaces as they come", () => {
    expect(said([100, " Hel"], [180, "lo"], [260, " there."])).toEqual([
      { conversation: 0, from: 100, to: 260, text: "Hello there." },
    ]);
  });

  it("begins a line after a pause, and after a sentence that is long enough", () => {
    const sentence = " This sentence is long enough to be one.";
    expect(said([0, " One"], [1600, " two"]).map((line) => line.text)).toEqual(["One", "two"]);
    expect(said([0, sentence], [80, " Next"]).map((line) => line.text)).toEqual([sentence.trim(), "Next"]);
    expect(said([0, " Short."], [80, " Next"])).toHaveLength(1);
  });

  it("never breaks a word", () => {
    expect(said([0, " Won"], [5000, "der"]).map((line) => line.text)).toEqual(["Wonder"]);
  });

  it("keeps conversations apart", () => {
    const lines = withPiece(said([0, " One"]), 1, " two", 10);
    expect(lines.map((line) => line.conversation)).toEqual([0, 1]);
    expect(asText(lines)).toBe("[0:00] Moshi: One\n\n--- New conversation ---\n\n[0:00] Moshi: two\n");
  });

  it("loses nothing and has a bound", () => {
    const pieces = fc.array(fc.tuple(fc.nat(3000), fc.stringMatching(/^ ?[a-z.]{1,9}$/)), { maxLength: 60 });
    fc.assert(
      fc.property(pieces, (gaps) => {
        let now = 0;
        const lines = said(
          ...gaps.map(([gap, piece]): [number, string] => {
            now += gap;
            return [now, piece];
          }),
        );
        const letters = (text: string) => text.replaceAll(" ", "");
        return letters(lines.map((line) => line.text).join("")) === letters(gaps.map(([, piece]) => piece).join(""));
      }),
    );
    let lines: readonly Line[] = [];
    for (let index = 0; index < 4100; index++) lines = withPiece(lines, 0, ` ${index}`, index * 2000);
    expect(lines).toHaveLength(4000);
    expect(lines.at(-1)?.text).toBe("4099");
  });
});

describe("a saved transcript", () => {
  const lines: Line[] = [
    { conversation: 0, from: 1234, to: 2500, text: "Fish & <chips> --> now" },
    { conversation: 1, from: 61_000, to: 62_000, text: "Hello" },
  ];

  it("is JSON with times in seconds", () => {
    expect(JSON.parse(asJson(lines, { model: "demo" }))).toEqual({
      model: "demo",
      lines: [
        { conversation: 1, speaker: "moshi", start: 1.234, end: 2.5, text: "Fish & <chips> --> now" },
        { conversation: 2, speaker: "moshi", start: 61, end: 62, text: "Hello" },
      ],
    });
  });

  it("is WebVTT on one clock, its text escaped", () => {
    expect(asVtt(lines, [0, 3_600_000])).toBe(
      "WEBVTT\n\n1\n00:00:01.234 --> 00:00:02.900\n<v Moshi>Fish &amp; &lt;chips&gt; --&gt; now\n" +
        "\n2\n01:01:01.000 --> 01:01:02.400\n<v Moshi>Hello\n",
    );
  });

  it("is empty when nothing was said", () => {
    expect(asText([])).toBe("");
    expect(asVtt([], [])).toBe("WEBVTT\n");
  });

  it("has times as on a clock", () => {
    expect([0, 59_999, 61_000, 3_661_000].map(clock)).toEqual(["0:00", "0:59", "1:01", "1:01:01"]);
  });
});
