import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { width } from "./segments";
import { asVtt } from "./subtitles";
import { asJson, asText, clock, type Line, withPiece } from "./transcript";

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

  it("breaks lines where a language puts no spaces, and its full stops end sentences", () => {
    const pieces = (text: string): [number, string][] => [...text].map((one, index) => [index * 100, one]);
    const texts = (text: string) => said(...pieces(text)).map((line) => line.text);
    expect(texts("今日は海がとても静かで風がありません。明日はどうですか？")).toEqual([
      "今日は海がとても静かで風がありません。",
      "明日はどうですか？",
    ]);
    expect(said([0, "今日は。"], [2000, "はい。"]).map((line) => line.text)).toEqual(["今日は。", "はい。"]);
    expect(said([0, "今日"], [2000, "。"])).toHaveLength(1); // no line begins with a full stop
    for (const text of ["海と空".repeat(100), "ทะเลสงบมาก".repeat(40)]) {
      const lines = texts(text);
      expect(lines.join("")).toBe(text);
      expect(Math.max(...lines.map(width))).toBeLessThan(180);
    }
    expect(Math.max(...texts("a".repeat(700)).map(width))).toBeLessThanOrEqual(320);
  });

  it("breaks at spaces and ends sentences in a browser without Intl.Segmenter", async () => {
    vi.resetModules();
    vi.stubGlobal("Intl", {});
    const old = await import("./transcript");
    vi.unstubAllGlobals();
    const sentence = " This sentence is long enough to be one.";
    const lines = [sentence, " Next", " one"].reduce<readonly Line[]>(
      (before, piece, index) => old.withPiece(before, 0, piece, index),
      [],
    );
    expect(lines.map((line) => line.text)).toEqual([sentence.trim(), "Next one"]);
  });

  it("does not take the point of an abbreviation or a number for the end of a sentence", () => {
    const text = "Many people came to see it, e.g. in nearly 3.5 million homes.";
    expect(said(...text.split(/(?= )/).map((word, index): [number, string] => [index * 100, word]))).toHaveLength(1);
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

  // Measured: 40 Japanese sentences with pauses were one line of 640 characters and one cue of 563 s.
  it("makes short cues of 40 sentences with pauses, none over another", () => {
    const sentence = "今日は海が静かで、空も晴れています。";
    let now = 0;
    let spoken: readonly Line[] = [];
    for (let index = 0; index < 40; index++) {
      for (const piece of sentence.match(/../gu) ?? []) {
        now += 80;
        spoken = withPiece(spoken, 0, piece, now);
      }
      now += 13_000;
    }
    expect(spoken).toHaveLength(40);
    const cues = parsed(asVtt(spoken, [0]));
    expect(cues).toHaveLength(40);
    expect(Math.max(...cues.map(({ start, end }) => end - start))).toBeLessThan(4);
    expectSubtitles(cues);
  });

  it("keeps any text in cues of two lines of 42 columns, in order, and loses none of it", () => {
    const piece = fc.oneof(
      fc.stringMatching(/^ ?[a-z.]{1,60}$/),
      fc.constantFrom("海。", "静かな", " word,", "👩‍👩‍👧", "é", "한국어", " <b>&", "？", "ทะเล"),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2000), piece), { minLength: 1, maxLength: 150 }), (gaps) => {
        let now = 0;
        let spoken: readonly Line[] = [];
        for (const [gap, one] of gaps) {
          if (gap > 1000) now += gap; // otherwise several come at once
          spoken = withPiece(spoken, 0, one, now);
        }
        const cues = parsed(asVtt(spoken, [0]));
        expectSubtitles(cues);
        const letters = (text: string) => text.replaceAll(/\s/g, "");
        const all = letters(spoken.map((line) => line.text).join(""));
        expect(letters(cues.flatMap((cue) => cue.lines).join(""))).toBe(all);
      }),
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

interface Cue {
  start: number;
  end: number;
  lines: string[];
}

/** Times in seconds. */
function parsed(vtt: string): Cue[] {
  return vtt
    .split("\n\n")
    .slice(1)
    .map((block) => {
      const [, times = "", ...lines] = block.trimEnd().split("\n");
      const [start = 0, end = 0] = times.split(" --> ").map((stamp) => {
        const [hours = 0, minutes = 0, seconds = 0] = stamp.split(":").map(Number);
        return hours * 3600 + minutes * 60 + seconds;
      });
      const plain = lines.map((line) =>
        line.replace("<v Moshi>", "").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&"),
      );
      return { start, end, lines: plain };
    });
}

function expectSubtitles(cues: readonly Cue[]): void {
  cues.forEach(({ start, end, lines }, index) => {
    expect(end).toBeGreaterThan(start);
    expect(start).toBeGreaterThanOrEqual(cues[index - 1]?.end ?? 0);
    expect(lines.length).toBeLessThanOrEqual(2);
    for (const line of lines) expect(width(line)).toBeLessThanOrEqual(42);
  });
}
