import type { ComponentChildren } from "preact";
import * as styles from "./note.module.css";

/** A highlighted message, with a button in it or not. */
export function Note(props: { children: ComponentChildren; role?: "alert"; "data-testid"?: string }) {
  return <p class={styles.note} {...props} />;
}
