/** The captions of the conversation that goes on, or of the last one. */

import { batch, signal } from "@preact/signals";
import { type Line, withPiece } from "./transcript";

export const lines = signal<readonly Line[]>([]);
/** Characters said since the call began, those no longer kept included. */
export const captionsLength = signal(0);
/** Text that a screen reader was not told yet. */
export const unannounced = signal("");

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
