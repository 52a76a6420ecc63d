/** The figures of a connection, as a support engineer reads them. Pure. */

import { FRAME_MS, PACKET_MS } from "../audio/codec/format";
import type { CallStats } from "../audio/stats";
import { publicName } from "../service/public-name";
import type { Config } from "../service/types";
import { strings } from "../strings";

/** A figure with its unit. */
export type Figure = readonly [name: string, value: string];

/** Each with its name and unit, an unknown one as a dash. */
export function figures(
  stats: CallStats | null,
  session: string | null,
  config: Config | null,
  browser: string,
): readonly Figure[] {
  const { rows, none } = strings;
  const time = (value: number | null | undefined): string => (value == null ? none : strings.milliseconds(value));
  const info = config?.moshi.info;
  return [
    [rows.total, time(stats && delay(stats))],
    [rows.roundTrip, time(stats?.roundTripMs)],
    [rows.step, time(stats?.stepMs)],
    [rows.lag, time(stats?.lagMs)],
    [rows.buffer, time(stats?.bufferMs)],
    [rows.headroom, time(stats?.targetMs)],
    [rows.underruns, stats ? String(stats.underruns) : none],
    [rows.inserted, time(stats?.insertedMs)],
    [rows.capture, time(stats?.captureLatencyMs)],
    [rows.output, time(stats?.outputLatencyMs)],
    [rows.dropped, stats ? `${stats.droppedInputPackets}, ${stats.droppedFrames}` : none],
    [rows.codec, stats?.codec ?? none],
    [rows.session, session ?? none],
    [rows.model, info ? `${publicName(info.model.id)}, ${info.device ?? none}` : none],
    [rows.versions, [config?.version, info?.version, info?.upstream.version].map((one) => one ?? none).join(" / ")],
    [rows.browser, browser],
  ];
}

/** The delay from mouth to ear in ms; null until it was measured. The model's own pauses come on top. */
export function delay(stats: CallStats): number | null {
  if (stats.roundTripMs === null) return null;
  const ours = (stats.captureLatencyMs ?? 0) + PACKET_MS + stats.bufferMs + (stats.outputLatencyMs ?? 0);
  return ours + stats.roundTripMs + FRAME_MS + (stats.lagMs ?? 0);
}

/** One figure a line, to be copied. */
export function asReport(shown: readonly Figure[]): string {
  return shown.map(([name, value]) => `${name}: ${value}\n`).join("");
}
