/** The conversations that this tab keeps until it is closed: the one that goes on, and those before it. */

import { batch, computed, signal } from "@preact/signals";
import type { SessionSettings } from "../audio/protocol/generated";
import { MAX_SECONDS, type Recording } from "../audio/recording";
import { config } from "../service/availability";
import { publicName } from "../service/public-name";
import { addCaption, clearCaptions, lines } from "../transcript/captions";
import { session } from "./current-call";
import { isEmpty, isSaved, type Kept, markRecording, markTranscript, soundRoom, withEarlier, withRoom } from "./kept";

/** Recordings of one conversation: one that is lost again and again must not fill the page. */
const MAX_RECORDINGS = 20;

const fresh = (id: number): Omit<Kept, "lines"> => ({ id, begun: [], recordings: [], session: null, model: null });
const about = signal(fresh(0));
/** Counts saved files, because a recording is no signal. */
const saves = signal(0);

/** The conversation since Connect was pressed last, whether it goes on or is over. */
export const current = computed((): Kept => ({ ...about.value, lines: lines.value }));
/** Those before it, the oldest first. */
export const earlier = signal<readonly Kept[]>([]);
/** Why the conversation is not recorded, although the person wants it. */
export const notRecorded = signal<"full" | "failed" | null>(null);

/** Connect was pressed: the conversation before becomes an earlier one. */
export function transcriptBegins(): void {
  batch(() => {
    if (!isEmpty(current.value)) earlier.value = withEarlier(earlier.value, current.value);
    about.value = fresh(about.value.id + 1);
    clearCaptions();
    notRecorded.value = null;
  });
}

/** A conversation began, the first since Connect or a new one after a loss. `now`: ms since the epoch. */
export function transcriptContinues(now: number): void {
  const info = config.value?.moshi.info;
  const model = info ? publicName(info.model.id) : null;
  about.value = { ...about.value, begun: [...about.value.begun, now], model };
}

/** Takes the next words. `now`: ms since the epoch. */
export function transcriptPiece(piece: string, now: number): void {
  const { begun } = about.value;
  const conversation = begun.length - 1;
  addCaption(piece, conversation, now - (begun[conversation] ?? now));
}

/** Takes the session that the service has announced. */
export function sessionBegins(id: string, settings: SessionSettings): void {
  session.value = { id, settings };
  about.value = { ...about.value, session: session.value };
}

/** How many seconds the next recording may have; 0 for none. Recordings that were saved make room for it. */
export function roomForRecording(): number {
  if (about.value.recordings.length >= MAX_RECORDINGS) return 0;
  earlier.value = withRoom(earlier.value, current.value, MAX_SECONDS);
  return Math.min(MAX_SECONDS, soundRoom([...earlier.value, current.value]));
}

/** Takes the recording of the call that begins. */
export function keepRecording(recording: Recording): void {
  const before = about.value.recordings.filter(({ seconds }) => seconds > 0);
  about.value = { ...about.value, recordings: [...before, recording] };
}

/** The person has saved the transcript as it is now. */
export function transcriptSaved(kept: Kept): void {
  markTranscript(kept);
  saves.value++;
}

/** The person has saved that many seconds of the recording. */
export function recordingSaved(recording: Recording, seconds: number): void {
  markRecording(recording, seconds);
  saves.value++;
}

/** Whether nothing of it would be lost. Signals follow it. */
export function isKeptSaved(kept: Kept): boolean {
  void saves.value;
  return isSaved(kept);
}

/** Makes the browser ask before it closes or reloads the tab, as long as something in it was not saved. */
export function warnOfLoss(): void {
  addEventListener("beforeunload", (event) => {
    if (![...earlier.value, current.value].every(isSaved)) event.preventDefault();
  });
}
