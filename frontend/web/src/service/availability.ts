/** Whether a conversation can begin: the state of the service, as `/api/config` shows it. */

import { batch, signal } from "@preact/signals";
import type { Config, Health } from "./types";

/** The state of the service as far as a conversation needs it. */
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

/** The latest configuration. While moshi is away, its last description of itself holds. */
export const config = signal<Config | null>(null);
/** How the service was at the latest look. */
export const service = signal<Service>({ name: "unknown" });

/** Takes the answer of one look; null when nothing answered. */
export function serviceSeen(latest: Config | null): void {
  batch(() => {
    service.value = serviceOf(latest);
    config.value = merged(config.value, latest);
  });
}

/** @param config null when nothing answered */
export function serviceOf(config: Config | null): Service {
  if (!config) return { name: "gone" };
  const { health, info } = config.moshi;
  if (health.status !== "ready") return { name: "notReady", health };
  return info?.slots && info.slots.used >= info.slots.total ? { name: "full" } : { name: "ready" };
}

/** The latest configuration. While moshi is away, its last description of itself holds. */
export function merged(before: Config | null, latest: Config | null): Config | null {
  if (!latest) return before;
  const info = latest.moshi.info ?? before?.moshi.info ?? null;
  return { ...latest, moshi: { ...latest.moshi, info } };
}
