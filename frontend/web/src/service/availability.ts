/** What the service behind the page does, as one look at `/api/config` shows it. Pure. */

import type { Config, Health } from "./config";

export type Service =
  /** Not looked at yet. */
  | { name: "unknown" }
  | { name: "ready" }
  /** Ready, and every slot is in use. */
  | { name: "full" }
  /** The model starts, stops, has failed or is not reached. */
  | { name: "notReady"; health: Health }
  /** Nothing answers at the page's own address. */
  | { name: "gone" };

/** @param config null when nothing answered */
export function serviceOf(config: Config | null): Service {
  if (!config) return { name: "gone" };
  const { health, info } = config.moshi;
  if (health.status !== "ready") return { name: "notReady", health };
  return info?.slots && info.slots.used >= info.slots.total ? { name: "full" } : { name: "ready" };
}

/** The latest configuration. While moshi is away it says nothing of itself, and what it said before still holds. */
export function merged(before: Config | null, latest: Config | null): Config | null {
  if (!latest) return before;
  const info = latest.moshi.info ?? before?.moshi.info ?? null;
  return { ...latest, moshi: { ...latest.moshi, info } };
}

/** Model names may be folders of the server, which are nobody's business; visitors see the last part. */
export function publicName(text: string): string {
  return text.replace(/(?<![\w.:/\\-])(?:~|\.{1,2}|[A-Za-z]:)?(?:[\\/][^\s\\/:;,'"]+)+[\\/]?/g, (path) => {
    return path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;
  });
}
