/** What `/api/config` says about the service behind this page. */

import type { Personas } from "./personas";
import type { Advertised, Chosen } from "./settings";

export interface Health {
  status: "ready" | "starting" | "draining" | "failed" | "unreachable";
  phase: string;
  /** 0..1 where it is known. */
  progress: number | null;
  detail: string;
}

export interface Info {
  version: string;
  model: { id: string; revision: string | null; demo: boolean };
  upstream: { version: string };
  device: string | null;
  slots?: { total: number; used: number };
  /** What a client may choose; an older service says nothing of it. */
  settings?: Advertised;
  /** Voices and roles to choose from; null or absent where there are none. */
  personas?: Personas | null;
}

export interface Config {
  version: string;
  mode: "proxy" | "direct";
  chat_url: string;
  moshi: { url: string; health: Health; info: Info | null };
}

/** @throws Error if the service does not answer with its configuration */
export async function fetchConfig(): Promise<Config> {
  const response = await fetch("api/config", { cache: "no-store" });
  if (!response.ok) throw new Error(`api/config answered ${response.status}`);
  return (await response.json()) as Config;
}

/** The WebSocket's address: the page's own host, or moshi's in direct mode. */
export function chatUrl({ chat_url }: Pick<Config, "chat_url">, page: string, chosen: Chosen): string {
  const url = new URL(chat_url, page);
  if (url.protocol === "http:") url.protocol = "ws:";
  if (url.protocol === "https:") url.protocol = "wss:";
  url.searchParams.set("protocol", "2");
  for (const [name, value] of Object.entries(chosen)) url.searchParams.set(name, String(value));
  return url.href;
}

/** What a person opens to see moshi's certificate, and what the page asks whether it is accepted. */
export function trustUrl({ moshi }: Pick<Config, "moshi">): string {
  return `${moshi.url}/alive`;
}

/**
 * Whether this browser gets through to moshi itself. A refused certificate and a closed port look alike to a page; the
 * frontend has seen moshi up, so it is most likely the certificate.
 */
export async function reachesMoshi(config: Pick<Config, "moshi">): Promise<boolean> {
  try {
    await fetch(trustUrl(config), { mode: "no-cors", cache: "no-store", credentials: "omit" });
    return true;
  } catch {
    return false;
  }
}

/** This page's address over HTTPS, which the microphone needs. */
export function secureUrl(page: string): string {
  const url = new URL(page);
  url.protocol = "https:";
  return url.href;
}
