/** What Moshi said, line by line with its time, and the files it can be saved as. Pure. */

import { strings } from "./strings";

/** Times are in ms since the conversation began; `conversation` counts from 0 when one was lost and begun anew. */
export interface Line {
  conversation: number;
  from: number;
  to: number;
  text: string;
}

const PAUSE_MS = 1500;
const SENTENCE_CHARACTERS = 30;
const LINE_CHARACTERS = 160;
const MAX_LINES = 4000; // hours of speech
const LAST_WORD_MS = 400;

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
  if (!/^\s/.test(piece)) return false; // a word goes on
  if (now - to > PAUSE_MS) return true;
  return (text.length >= SENTENCE_CHARACTERS && /[.!?…]$/.test(text)) || text.length >= LINE_CHARACTERS;
}

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

/** WebVTT of one recording: conversations follow each other in time, `starts` says when each begins (ms). */
export function asVtt(lines: readonly Line[], starts: readonly number[]): string {
  const cues = lines.map(({ conversation, from, to, text }, index) => {
    const start = (starts[conversation] ?? 0) + from;
    const end = (starts[conversation] ?? 0) + to + LAST_WORD_MS;
    // A cue may not hold "-->", and its text is markup.
    const escaped = text.trim().replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
    return `\n${index + 1}\n${stamp(start)} --> ${stamp(end)}\n<v ${strings.moshi}>${escaped}\n`;
  });
  return `WEBVTT\n${cues.join("")}`;
}

/** Minutes and seconds, as on a clock. */
export function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const [hours, rest] = [Math.floor(minutes / 60), pad(minutes % 60)];
  return hours ? `${hours}:${rest}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
}

function stamp(ms: number): string {
  const whole = Math.round(ms);
  const [hours, minutes, seconds] = [whole / 3_600_000, (whole / 60_000) % 60, (whole / 1000) % 60].map(Math.floor);
  return `${pad(hours ?? 0)}:${pad(minutes ?? 0)}:${pad(seconds ?? 0)}.${String(whole % 1000).padStart(3, "0")}`;
}

function pad(number: number): string {
  return String(number).padStart(2, "0");
}
