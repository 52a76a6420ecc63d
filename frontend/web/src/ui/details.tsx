import { useEffect, useState } from "preact/hooks";
import { refreshStats, session, stats } from "../conversation/current-call";
import { config } from "../service/availability";
import { strings } from "../strings";
import { Changing } from "./changing";
import { copyText } from "./clipboard";
import { ProblemText } from "./code";
import * as styles from "./details.module.css";
import { asReport, delay, figures } from "./figures";
import { Fold } from "./fold";
import * as text from "./text.module.css";

const REFRESH_MS = 1000;

/** The quality of the connection, in figures for a screenshot. */
export function Details() {
  const [copied, setCopied] = useState<boolean | null>(null);
  useEffect(() => {
    const timer = setInterval(refreshStats, REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  const shown = figures(stats.value, session.value?.id ?? null, config.value, navigator.userAgent);
  const felt = stats.value && delay(stats.value);
  return (
    <Fold
      title={strings.details}
      beside={
        felt !== null && (
          <span data-testid="delay">
            <Changing>{`${strings.rows.total} ${strings.milliseconds(felt)}`}</Changing>
          </span>
        )
      }
    >
      <dl class={styles.figures} data-testid="figures">
        {shown.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd translate={false}>{value}</dd>
          </div>
        ))}
      </dl>
      <p class={styles.copy}>
        <span class={text.hint}>
          {copied === false ? (
            <ProblemText problem={strings.problems.copyFailed} />
          ) : (
            <Changing>{strings.detailsHint}</Changing>
          )}
        </span>
        <button type="button" onClick={() => void copyText(asReport(shown)).then(setCopied)}>
          <Changing>{copied ? strings.copied : strings.copy}</Changing>
        </button>
      </p>
    </Fold>
  );
}
