/** The captions of the conversation that goes on, or of the last one. */

import { batch, signal } from "@preact/signals";
import { type Line, withPiece } from "./transcript";

/** The transcript since Connect. */
export const lines = signal<readonly Line[]>([]);
/** Characters since Connect, with those that are no longer kept. */
export const captionsLength = signal(0);
/** Text that was not announced to screen readers yet. */
export const unannounced = signal("");

/** Begins a new transcript. */
export function clearCaptions(): void {
  batch(() => {
    lines.value = [];
    captionsLength.value = 0;
    unannounced.value = "";
  });
}

/** `at`: ms since the conversation of this number began. */
export function addCaption(piece: string, conversation: number, at: number): void {
  batch(() => {
    lines.value = withPiece(lines.value, conversation, piece, at);
    captionsLength.value += piece.length;
    unannounced.value += piece;
  });
}
