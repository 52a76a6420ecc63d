/** What the person may keep of the conversations since Connect was pressed: the transcript and the recordings. */

import { batch, signal } from "@preact/signals";
import type { Call } from "./audio/types";
import { publicName } from "./service";
import { captionsLength, config, lines, session, unannounced } from "./store";
import { asVtt } from "./subtitles";
import { asJson, asText, withPiece } from "./transcript";

const MAX_RECORDINGS = 4; // a connection that is lost over and over must not fill the memory

/** Calls that recorded, the last ones; a conversation that was lost and begun anew has several. */
export const recordings = signal<readonly Call[]>([]);

/** When each conversation began, ms since the epoch. */
let begun: number[] = [];

export function transcriptBegins(): void {
  begun = [];
  batch(() => {
    lines.value = [];
    captionsLength.value = 0;
    unannounced.value = "";
    recordings.value = [];
  });
}

export function transcriptContinues(now: number): void {
  begun.push(now);
}

export function transcriptPiece(piece: string, now: number): void {
  const conversation = begun.length - 1;
  batch(() => {
    lines.value = withPiece(lines.value, conversation, piece, now - (begun[conversation] ?? now));
    captionsLength.value += piece.length;
    unannounced.value += piece;
  });
}

export function keepRecording(call: Call): void {
  recordings.value = [...recordings.value, call].slice(-MAX_RECORDINGS);
}

/** When the first of the conversations began. */
export function beganAt(): Date {
  return new Date(begun[0] ?? Date.now());
}

export function transcriptText(): string {
  return asText(lines.value);
}

export function transcriptVtt(): string {
  const first = begun[0] ?? 0;
  return asVtt(
    lines.value,
    begun.map((time) => time - first),
  );
}

export function transcriptJson(): string {
  const info = config.value?.moshi.info;
  return asJson(lines.value, {
    began: begun.map((time) => new Date(time).toISOString()),
    model: info ? publicName(info.model.id) : null,
    session: session.value,
  });
}
