import { useEffect, useState } from "preact/hooks";
import { refreshStats } from "../controller";
import { asReport, figures } from "../figures";
import { config, session, stats } from "../store";
import { strings } from "../strings";

const REFRESH_MS = 1000;

/** How the connection does, in figures for a screenshot. */
export function Details() {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    const timer = setInterval(refreshStats, REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  const shown = figures(stats.value, session.value?.id ?? null, config.value, navigator.userAgent);
  const roundTrip = stats.value?.roundTripMs ?? null;
  return (
    <section class="card" aria-label={strings.details}>
      <details class="connection">
        <summary>
          {strings.details}
          {roundTrip !== null && (
            <span>
              {strings.rows.roundTrip} {strings.milliseconds(roundTrip)}
            </span>
          )}
        </summary>
        <dl class="figures" data-testid="figures">
          {shown.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        <p>
          <span class="hint">{strings.detailsHint}</span>
          <button
            type="button"
            onClick={() =>
              void navigator.clipboard.writeText(asReport(shown)).then(
                () => setCopied(true),
                () => setCopied(false),
              )
            }
          >
            {copied ? strings.copied : strings.copy}
          </button>
        </p>
      </details>
    </section>
  );
}
