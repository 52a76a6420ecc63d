/** The shortcuts of the keyboard. People who dictate can switch them off: speech would press them. */

import { isBoolean, remembered } from "../common/remembered";

/** Whether shortcuts are on. This browser remembers it. */
export const shortcutsOn = remembered("shortcuts", true, isBoolean);

/** The facts of a key event. `editable`: in a text, a select or a dialog. `control`: on a button, link or summary. */
export interface Press {
  readonly key: string;
  readonly repeat: boolean;
  /** Alt, Control, Meta, Shift or AltGraph is down. */
  readonly modified: boolean;
  /** An input method composes a word. */
  readonly composing: boolean;
  /** Another listener has used the key. */
  readonly used: boolean;
  readonly editable: boolean;
  readonly control: boolean;
}

/** The state of the page that decides about a key. */
export interface Situation {
  /** Shortcuts are switched on in the settings. */
  readonly shortcuts: boolean;
  readonly pushToTalk: boolean;
  readonly underWay: boolean;
  readonly live: boolean;
}

/** The effect of a shortcut. */
export type Action = "talk" | "mute" | "settings";

/** The action of a `keydown`; null where the key belongs to the browser. */
export function actionOf(press: Press, situation: Situation): Action | null {
  if (!situation.shortcuts || press.modified || press.composing || press.used || press.editable) return null;
  if (press.key === " ") {
    const { pushToTalk, underWay, live } = situation;
    // Before the conversation is live, the space bar still presses the Cancel button that has the focus.
    return pushToTalk && underWay && (live || !press.control) ? "talk" : null;
  }
  if (press.repeat) return null;
  switch (press.key.toLowerCase()) {
    case "m":
      return "mute";
    case "s":
      return "settings";
    default:
      return null;
  }
}

/** A held Enter key presses a button again and again; one press is one activation. */
export function activatesAgain(press: Press): boolean {
  return press.repeat && press.key === "Enter" && press.control;
}
