/** Asks the service behind this page, and makes its addresses. */

import { within } from "../common/timeout";
import type { Chosen } from "./settings";
import type { Config } from "./types";

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

/** The address that a person opens to see moshi's certificate, and that the page asks to see whether it is accepted. */
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

/**
 * The address for another device, e.g. a phone: this page's own, or the service's in its network where the page was
 * opened by a name that only this machine has. Null where the service is open to this machine only.
 */
export function phoneUrl(config: Pick<Config, "secure_origin" | "devices">, page: string): string | null {
  const { hostname, pathname } = new URL(page);
  const origin = isOfThisMachine(hostname) ? config.devices?.origins[0] : config.secure_origin;
  return origin ? new URL(pathname, origin).href : null;
}

function isOfThisMachine(hostname: string): boolean {
  return /^(localhost|.*\.localhost|127\..*|0\.0\.0\.0|\[::1?\])$/.test(hostname);
}
