/** The page's colours. This browser remembers the choice. */

import { effect } from "@preact/signals";
import { remembered } from "../common/remembered";

/** `system`: as the system has it. */
export type Theme = "system" | "light" | "dark";

/** The chosen theme. */
export const theme = remembered<Theme>("theme", "system", (value) => value === "light" || value === "dark");

/** Shows the chosen theme, now and after each change. */
export function followTheme(root: HTMLElement): void {
  effect(() => {
    root.dataset["theme"] = theme.value;
  });
}
