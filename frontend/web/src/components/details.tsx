import { useEffect } from "preact/hooks";
import { refreshStats, stats } from "../controller";
import { strings } from "../strings";

const REFRESH_MS = 1000;

/** How the connection does, in figures for a screenshot. */
export function Details() {
  useEffect(() => {
    const timer = setInterval(refreshStats, REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  const now = stats.value;
  const time = (value: number | null | undefined) => (value == null ? strings.none : strings.milliseconds(value));
  const rows: [string, string][] = [
    [strings.roundTrip, time(now?.roundTripMs)],
    [strings.tick, time(now?.tickMs)],
    [strings.buffer, time(now?.bufferMs)],
    [strings.underruns, now ? String(now.underruns) : strings.none],
  ];
  return (
    <section aria-label={strings.details}>
      <dl class="details">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
