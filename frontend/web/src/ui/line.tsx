import { clock, type Line as Spoken } from "../transcript/transcript";
import { Changing } from "./changing";
import * as styles from "./line.module.css";

/** A line of a transcript, with its time. */
export function Line({ line: { from, text } }: { line: Spoken }) {
  return (
    <p class={styles.line}>
      <time>{clock(from)}</time>{" "}
      <span dir="auto">
        <Changing>{text}</Changing>
      </span>
    </p>
  );
}
