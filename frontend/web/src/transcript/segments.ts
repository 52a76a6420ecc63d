/** Where text of any language may be broken, and how wide it is. Pure. */

type Granularity = "sentence" | "word" | "grapheme";

/** Undefined in browsers before 2024, which then break at spaces alone. */
const SEGMENTERS =
  "Segmenter" in Intl
    ? {
        sentence: new Intl.Segmenter(undefined, { granularity: "sentence" }),
        word: new Intl.Segmenter(undefined, { granularity: "word" }),
        grapheme: new Intl.Segmenter(undefined, { granularity: "grapheme" }),
      }
    : undefined;

/** Scripts that put no spaces between words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}。！？、，」』】）]/u;
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60]/u;
const OPENING = /[\p{Ps}\p{Pi}]$/u;
const END = /[.!?…。！？｡؟।][\p{Pe}\p{Pf}"']*$/u;

/** A stretch of text that stays on one line. */
export interface Unit {
  /** Where it begins, in UTF-16 units. */
  at: number;
  text: string;
  /** A space stands before it. */
  spaced: boolean;
}

/** Words with their punctuation; in scripts without spaces, words as a dictionary has them. */
export function units(text: string): readonly Unit[] {
  const found: Unit[] = [];
  let spaced = true;
  for (const { segment, index, isWordLike } of segments("word", text)) {
    if (!segment.trim()) {
      spaced = true;
      continue;
    }
    const last = found.at(-1);
    const fresh = isWordLike || OPENING.test(segment);
    const unspaced = last && fresh && !OPENING.test(last.text) && UNSPACED.test(lastOf(last.text) + segment);
    if (!last || spaced || unspaced) found.push({ at: index, text: segment, spaced: spaced && found.length > 0 });
    else last.text += segment;
    spaced = false;
  }
  return found;
}

/** Whether a new line may begin with `piece`, which follows `text`. */
export function mayBreak(text: string, piece: string): boolean {
  if (/^\s/.test(piece)) return true;
  const before = text.slice(-CONTEXT);
  return units(before + piece).some(({ at }) => at === before.length);
}

/** Whether `text` ends a sentence, given the piece that follows it. */
export function endsSentence(text: string, piece: string): boolean {
  if (!END.test(text.trimEnd())) return false;
  if (!SEGMENTERS || text.trimEnd().endsWith("…")) return true;
  const before = text.slice(-CONTEXT);
  const joint = before.length + piece.length - piece.trimStart().length;
  return !piece.trim() || segments("sentence", before + piece).some(({ index }) => index === joint);
}

/** Columns, where a Chinese, Japanese or Korean character takes two. */
export function width(text: string): number {
  return graphemes(text).reduce((sum, one) => sum + (WIDE.test(one) ? 2 : 1), 0);
}

/** Lines of at most `columns`, broken between words; a longer word is broken between characters. */
export function wrap(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  const add = (part: string): void => {
    if (line && width(line + part) > columns) {
      lines.push(line);
      line = part.trimStart();
    } else line += part;
  };
  for (const unit of units(text)) {
    const spaced = unit.spaced && line ? ` ${unit.text}` : unit.text;
    if (width(unit.text) <= columns) add(spaced);
    else graphemes(spaced).forEach(add);
  }
  return line ? [...lines, line] : lines;
}

const CONTEXT = 64; // characters before a joint that decide

function graphemes(text: string): string[] {
  return segments("grapheme", text).map(({ segment }) => segment);
}

type Segment = Pick<Intl.SegmentData, "segment" | "index" | "isWordLike">;

function segments(by: Granularity, text: string): Segment[] {
  if (SEGMENTERS) return [...SEGMENTERS[by].segment(text)];
  const pattern = by === "grapheme" ? /./gsu : /\s+|\S+/g;
  return [...text.matchAll(pattern)].map(({ 0: segment, index }) => ({ segment, index, isWordLike: true }));
}

function lastOf(text: string): string {
  return text.slice(-1);
}
