/** One conversation as this tab keeps it: its files, and whether they were saved. */

import type { SessionSettings } from "../audio/protocol/generated";
import type { Recording } from "../audio/recording";
import { asVtt } from "../transcript/subtitles";
import { asJson, asText, type Line } from "../transcript/transcript";

/** The service's object for a conversation. */
export interface Session {
  readonly id: string;
  readonly settings: Readonly<SessionSettings>;
}

/** From Connect to the end. One that was lost and reconnected has several beginnings and recordings. */
export interface Kept {
  readonly id: number;
  /** When each conversation in it began, ms since the epoch. */
  readonly begun: readonly number[];
  readonly lines: readonly Line[];
  readonly recordings: readonly Recording[];
  /** The last one. */
  readonly session: Session | null;
  /** The model's id. */
  readonly model: string | null;
}

/** How many earlier conversations the tab keeps: their texts take a few megabytes at most. */
export const MAX_EARLIER = 50;
/** How much sound the tab keeps in all its recordings; 346 MB. */
export const MAX_SOUND_SECONDS = 3600;

/** Transcripts that were saved. A transcript that grows is another array, which was not. */
const savedLines = new WeakSet<readonly Line[]>();
/** How much of each recording was saved, in seconds. */
const savedSeconds = new WeakMap<Recording, number>();

/** An empty one counts as saved. */
export function transcriptIsSaved({ lines }: Kept): boolean {
  return lines.length === 0 || savedLines.has(lines);
}

/** Whether all of it was saved. */
export function recordingIsSaved(recording: Recording): boolean {
  return recording.seconds === (savedSeconds.get(recording) ?? 0);
}

/** Whether nothing of the conversation would be lost. */
export function isSaved(kept: Kept): boolean {
  return transcriptIsSaved(kept) && kept.recordings.every(recordingIsSaved);
}

/** The transcript was saved as it is now. */
export function markTranscript({ lines }: Kept): void {
  savedLines.add(lines);
}

/** `seconds`: as many as it had when its file was made. */
export function markRecording(recording: Recording, seconds: number): void {
  savedSeconds.set(recording, seconds);
}

/** Whether there is neither a word nor a sound. */
export function isEmpty({ lines, recordings }: Kept): boolean {
  return lines.length === 0 && recordings.every(({ seconds }) => seconds === 0);
}

/** The earlier conversations with one more. Beyond the bound a saved one goes first, then the oldest. */
export function withEarlier(earlier: readonly Kept[], kept: Kept): readonly Kept[] {
  const all = [...earlier, { ...kept, recordings: kept.recordings.filter(({ seconds }) => seconds > 0) }];
  if (all.length <= MAX_EARLIER) return all;
  const leaves = all.find(isSaved) ?? all[0];
  return all.filter((one) => one !== leaves);
}

/** How many seconds of sound still fit. */
export function soundRoom(all: readonly Kept[]): number {
  const used = all.flatMap(({ recordings }) => recordings).reduce((sum, { seconds }) => sum + seconds, 0);
  return Math.max(0, MAX_SOUND_SECONDS - used);
}

/** The earlier ones without saved recordings, the oldest first, until `seconds` fit. One that was not saved stays. */
export function withRoom(earlier: readonly Kept[], current: Kept, seconds: number): readonly Kept[] {
  let kept = earlier;
  for (const { recordings } of earlier) {
    for (const recording of recordings.filter(recordingIsSaved)) {
      if (soundRoom([...kept, current]) >= seconds) return kept.filter((one) => !isEmpty(one));
      kept = kept.map((one) => ({ ...one, recordings: one.recordings.filter((other) => other !== recording) }));
    }
  }
  return kept.filter((one) => !isEmpty(one));
}

/** The first beginning, for file names and the list. */
export function beganAt({ begun }: Kept): Date {
  return new Date(begun[0] ?? Date.now());
}

/** The transcript as text. */
export function textOf({ lines }: Kept): string {
  return asText(lines);
}

/** The transcript as subtitles of the recordings one after the other. */
export function vttOf({ lines, begun }: Kept): string {
  const first = begun[0] ?? 0;
  return asVtt(
    lines,
    begun.map((time) => time - first),
  );
}

/** The transcript as JSON, with model and session. */
export function jsonOf({ lines, begun, model, session }: Kept): string {
  return asJson(lines, { began: begun.map((time) => new Date(time).toISOString()), model, session });
}
