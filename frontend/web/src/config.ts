/** What `/api/config` says about the service behind this page. */

export interface Health {
  status: "ready" | "starting" | "draining" | "failed" | "unreachable";
  phase: string;
  /** 0..1 where it is known. */
  progress: number | null;
  detail: string;
}

export interface Info {
  model: { id: string; revision: string | null; demo: boolean };
  upstream: { version: string };
  device: string | null;
}

export interface Config {
  version: string;
  chat_url: string;
  moshi: { health: Health; info: Info | null };
}

/** @throws Error if the service does not answer with its configuration */
export async function fetchConfig(): Promise<Config> {
  const response = await fetch("/api/config", { cache: "no-store" });
  if (!response.ok) throw new Error(`/api/config answered ${response.status}`);
  return (await response.json()) as Config;
}

/** The WebSocket's address: the page's own host, or moshi's in direct mode. */
export function chatUrl({ chat_url }: Pick<Config, "chat_url">, page: string): string {
  const url = new URL(chat_url, page);
  if (url.protocol === "http:") url.protocol = "ws:";
  if (url.protocol === "https:") url.protocol = "wss:";
  url.searchParams.set("protocol", "2");
  return url.href;
}

/** This page's address over HTTPS, which the microphone needs. */
export function secureUrl(page: string): string {
  const url = new URL(page);
  url.protocol = "https:";
  return url.href;
}
