/** Listens to the keyboard. */

import { hold, toggleMute } from "../conversation/controller";
import { isUnderWay } from "../conversation/machine";
import { pushToTalk } from "../conversation/preferences";
import { state } from "../conversation/state";
import { openSettings } from "./settings/settings-dialog";
import { type Action, actionOf, activatesAgain, type Press, type Situation, shortcutsOn } from "./shortcuts";

const EDITABLE = "input, textarea, select, dialog";
const CONTROL = "button, a[href], summary";

/** Listens from now on. */
export function listenToKeys(): void {
  let talking = false;
  const stopTalking = (): void => {
    if (talking) hold(false);
    talking = false;
  };
  addEventListener("keydown", (event) => {
    const press = pressOf(event);
    if (activatesAgain(press)) event.preventDefault();
    const action = actionOf(press, situation());
    if (!action) return;
    event.preventDefault(); // the space bar would scroll, or press a button
    if (action === "talk") {
      if (!talking) hold(true);
      talking = true;
    } else act(action);
  });
  addEventListener("keyup", (event) => {
    if (event.key !== " " || !talking) return;
    event.preventDefault(); // Firefox presses a button at keyup
    stopTalking();
  });
  addEventListener("blur", stopTalking); // the keyup goes to another window
}

function act(action: Exclude<Action, "talk">): void {
  if (action === "mute") toggleMute();
  else openSettings();
}

function pressOf(event: KeyboardEvent): Press {
  const target = event.target instanceof Element ? event.target : null;
  const { key, repeat, isComposing, defaultPrevented, shiftKey, ctrlKey, altKey, metaKey } = event;
  return {
    key,
    repeat,
    modified: shiftKey || ctrlKey || altKey || metaKey || event.getModifierState("AltGraph"),
    composing: isComposing,
    used: defaultPrevented,
    editable: isEditable(target),
    control: target?.closest(CONTROL) != null,
  };
}

function isEditable(target: Element | null): boolean {
  if (document.querySelector("dialog[open]")) return true;
  return target?.closest(EDITABLE) != null || (target instanceof HTMLElement && target.isContentEditable);
}

function situation(): Situation {
  const now = state.value;
  return {
    shortcuts: shortcutsOn.value,
    pushToTalk: pushToTalk.value,
    underWay: isUnderWay(now),
    live: now.name === "live",
  };
}
