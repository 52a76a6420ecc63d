/** The page's shortcuts. They can be switched off: who dictates to the computer would press them by speaking. */

import { hold, toggleMute } from "./controller";
import { pushToTalk, shortcuts } from "./preferences";
import { settingsOpen } from "./store";

/** What the space bar means something else to. */
const USES_SPACE = "button, a, input, select, textarea, summary, dialog";

export function listenToKeys(): void {
  let held = false;
  const letGo = (): void => {
    if (held) hold(false);
    held = false;
  };
  addEventListener("keydown", (event) => {
    if (!shortcuts.value || settingsOpen.value || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " ") {
      if (!pushToTalk.value || isUsingSpace(event.target)) return;
      event.preventDefault(); // it would scroll
      if (!held) hold(true);
      held = true;
    }
    if (event.repeat) return;
    if (event.key.toLowerCase() === "m") toggleMute();
    if (event.key.toLowerCase() === "s") settingsOpen.value = true;
  });
  addEventListener("keyup", (event) => event.key === " " && letGo());
  addEventListener("blur", letGo); // its keyup goes elsewhere
}

function isUsingSpace(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest(USES_SPACE) !== null;
}
