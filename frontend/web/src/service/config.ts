/** What `/api/config` says about the service behind this page. */

import { within } from "../audio/patience";
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
  /** Where this page is served over HTTPS; null or absent where the service knows of nothing. */
  secure_origin?: string | null;
  moshi: { url: string; health: Health; info: Info | null };
}

const ANSWER_MS = 10_000;

/** @throws Error if the service does not answer with its configuration in time, or `over` is aborted before */
export async function fetchConfig(over?: AbortSignal): Promise<Config> {
  const response = await within(ANSWER_MS, fetch("api/config", { cache: "no-store" }), over);
  if (!response.ok) throw new Error(`api/config answered ${response.status}`);
  return (await within(ANSWER_MS, response.json(), over)) as Config;
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
export async function reachesMoshi(config: Pick<Config, "moshi">, over: AbortSignal): Promise<boolean> {
  try {
    const answer = fetch(trustUrl(config), { mode: "no-cors", cache: "no-store", credentials: "omit" });
    await within(ANSWER_MS, answer, over);
    return true;
  } catch {
    return false;
  }
}

/** This page's address over HTTPS, which the microphone needs; null where the service serves none that it knows of. */
export function secureUrl(config: Pick<Config, "secure_origin">, page: string): string | null {
  if (!config.secure_origin) return null;
  const { pathname, search, hash } = new URL(page);
  return new URL(pathname + search + hash, config.secure_origin).href;
}
