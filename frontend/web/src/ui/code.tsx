import type { ComponentChildren } from "preact";
import { type Problem, strings } from "../strings";
import { Changing } from "./changing";
import * as styles from "./code.module.css";

/** The code of a problem in small print, in no other language; nothing for a text that is no problem. */
export function Code({ code }: { code: Problem["code"] | undefined }) {
  return code ? (
    <small class={styles.code} title={strings.codeHint} translate={false} data-testid="code">
      {code}
    </small>
  ) : null;
}

/** A problem and its code. */
export function ProblemText({ problem: { code, text } }: { problem: Problem }) {
  return (
    <>
      <Changing>{text}</Changing> <Code code={code} />
    </>
  );
}

/** A problem, which screen readers announce, then further words, and its code. */
export function Alert({ problem: { code, text }, children }: { problem: Problem; children?: ComponentChildren }) {
  return (
    <span>
      <span role="alert">
        <Changing>{text}</Changing>
      </span>{" "}
      {children} <Code code={code} />
    </span>
  );
}
