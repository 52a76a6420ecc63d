/** WebVTT from a transcript, as subtitles are usually made: two short lines at a time, one cue after the other. Pure. */

import { strings } from "../strings";
import { width, wrap } from "./segments";
import type { Line } from "./transcript";

/** Width of a line; wide characters take two columns. */
export const COLUMNS = 42;
const LINES = 2;
const LAST_WORD_MS = 400;
const SHORTEST_MS = 200;
const READABLE_MS = 1000;
const MS_PER_COLUMN = 50;

interface Cue {
  start: number;
  end: number;
  lines: readonly string[];
}

/** WebVTT of one recording: conversations follow each other in time, `starts` says when each begins (ms). */
export function asVtt(lines: readonly Line[], starts: readonly number[]): string {
  const cues = apart(lines.flatMap((line) => cuesOf(line, starts[line.conversation] ?? 0)));
  const blocks = cues.map(
    ({ start, end, lines }, index) =>
      `\n${index + 1}\n${stamp(start)} --> ${stamp(end)}\n<v ${strings.moshi}>${lines.map(escaped).join("\n")}\n`,
  );
  return `WEBVTT\n${blocks.join("")}`;
}

/** The cues of one line. Its time is shared out by the length of the text. */
function cuesOf({ from, to, text }: Line, offset: number): Cue[] {
  const wrapped = wrap(text.trim(), COLUMNS);
  const pairs: (readonly string[])[] = [];
  for (let index = 0; index < wrapped.length; index += LINES) pairs.push(wrapped.slice(index, index + LINES));
  const columns = pairs.map((pair) => pair.reduce((sum, line) => sum + width(line), 0));
  const all = columns.reduce((sum, one) => sum + one, 0);
  let before = 0;
  return pairs.map((lines, index) => {
    const own = columns[index] as number;
    const start = offset + from + ((to - from) * before) / all;
    before += own;
    const spoken = offset + from + ((to - from) * before) / all + LAST_WORD_MS;
    return { start, end: Math.max(spoken, start + Math.max(READABLE_MS, own * MS_PER_COLUMN)), lines };
  });
}

/** No cue begins before the one before it has ended. */
function apart(cues: readonly Cue[]): Cue[] {
  let free = 0;
  return cues.map((cue, index) => {
    const start = Math.round(Math.max(cue.start, free));
    const following = cues[index + 1]?.start ?? Number.POSITIVE_INFINITY;
    free = Math.round(Math.max(start + SHORTEST_MS, Math.min(cue.end, following)));
    return { ...cue, start, end: free };
  });
}

/** A cue may not hold "-->", and its text is markup. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function stamp(ms: number): string {
  const [hours, minutes, seconds] = [ms / 3_600_000, (ms / 60_000) % 60, (ms / 1000) % 60].map(Math.floor);
  return `${pad(hours ?? 0)}:${pad(minutes ?? 0)}:${pad(seconds ?? 0)}.${String(ms % 1000).padStart(3, "0")}`;
}

function pad(number: number): string {
  return String(number).padStart(2, "0");
}
