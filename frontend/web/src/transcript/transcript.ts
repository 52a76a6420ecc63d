/** Moshi's words in lines with their times, as text and as JSON. subtitles.ts makes WebVTT of them. Pure. */

import { strings } from "../strings";
import { endsSentence, mayBreak, width } from "./segments";

/** Times are in ms since the conversation began. `conversation` counts from 0; each reconnection starts another one. */
export interface Line {
  conversation: number;
  from: number;
  to: number;
  text: string;
}

const PAUSE_MS = 1500;
const SENTENCE_COLUMNS = 30;
const LINE_COLUMNS = 160;
const LONGEST_COLUMNS = 2 * LINE_COLUMNS; // whatever stands there is no word
const MAX_LINES = 4000; // hours of speech

/** The transcript with one more piece; pieces carry their own spaces. A new line begins at a pause or a sentence. */
export function withPiece(lines: readonly Line[], conversation: number, piece: string, now: number): readonly Line[] {
  const last = lines.at(-1);
  if (!last || last.conversation !== conversation || isComplete(last, piece, now)) {
    const text = piece.trimStart();
    if (!text) return lines;
    return [...lines.slice(-MAX_LINES + 1), { conversation, from: now, to: now, text }];
  }
  return [...lines.slice(0, -1), { ...last, to: now, text: last.text + piece }];
}

function isComplete({ text, to }: Line, piece: string, now: number): boolean {
  const columns = width(text);
  if (columns >= LONGEST_COLUMNS) return true;
  if (!mayBreak(text, piece)) return false; // a word goes on
  if (now - to > PAUSE_MS || columns >= LINE_COLUMNS) return true;
  return columns >= SENTENCE_COLUMNS && endsSentence(text, piece);
}

/** The transcript as plain text, a line each. */
export function asText(lines: readonly Line[]): string {
  return lines
    .map(({ conversation, from, text }, index) => {
      const divided = index > 0 && lines[index - 1]?.conversation !== conversation;
      return `${divided ? `\n--- ${strings.divider} ---\n\n` : ""}[${clock(from)}] ${strings.moshi}: ${text.trim()}\n`;
    })
    .join("");
}

/** Seconds, as subtitles and most programs count. */
export function asJson(lines: readonly Line[], about: Readonly<Record<string, unknown>>): string {
  const spoken = lines.map(({ conversation, from, to, text }) => ({
    conversation: conversation + 1,
    speaker: "moshi",
    start: from / 1000,
    end: to / 1000,
    text: text.trim(),
  }));
  return `${JSON.stringify({ ...about, lines: spoken }, null, 2)}\n`;
}

/** Minutes and seconds, as on a clock. */
export function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const [hours, rest] = [Math.floor(minutes / 60), pad(minutes % 60)];
  return hours ? `${hours}:${rest}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
}

function pad(number: number): string {
  return String(number).padStart(2, "0");
}
