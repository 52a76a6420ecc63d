/** Text to the clipboard, also on a page that is not secure. */

import { visuallyHidden } from "./text.module.css";

/** Copies; false if the browser refuses. Call it from a click: browsers allow it only then. */
export async function copyText(text: string): Promise<boolean> {
  try {
    // An insecure page has no clipboard; elsewhere it may be forbidden.
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {
    // The old way may still work.
  }
  const field = document.createElement("textarea");
  field.value = text;
  field.className = visuallyHidden;
  document.body.append(field);
  const focused = document.activeElement;
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return copied;
}
