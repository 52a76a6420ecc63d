import type { ComponentChildren } from "preact";
import { type Problem, strings } from "../strings";
import * as styles from "./code.module.css";

/** The code of a problem in small print; nothing for a text that is no problem. */
export function Code({ code }: { code: Problem["code"] | undefined }) {
  return code ? (
    <small class={styles.code} title={strings.codeHint} data-testid="code">
      {code}
    </small>
  ) : null;
}

/** A problem and its code. */
export function ProblemText({ problem: { code, text } }: { problem: Problem }) {
  return (
    <>
      {text} <Code code={code} />
    </>
  );
}

/** A problem, which screen readers announce, then further words, and its code. */
export function Alert({ problem: { code, text }, children }: { problem: Problem; children?: ComponentChildren }) {
  return (
    <span>
      <span role="alert">{text}</span> {children} <Code code={code} />
    </span>
  );
}
