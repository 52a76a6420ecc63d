/** The address of the WebSocket. */

/**
 * @param service the address of the page, or of moshi; ws: and wss: are right too
 * @param settings query parameters
 * @throws TypeError if it is no such address
 */
export function chatUrl(service: string | URL, settings: Readonly<Record<string, string | number>>): string {
  const url = new URL(service);
  if (url.protocol === "http:") url.protocol = "ws:";
  if (url.protocol === "https:") url.protocol = "wss:";
  if (!/^wss?:$/.test(url.protocol))
    throw new TypeError(`${url.href} is no address of a service: http, https, ws or wss`);
  url.pathname = `${url.pathname.replace(/\/(api\/chat)?$/, "")}/api/chat`;
  url.hash = "";
  url.searchParams.set("protocol", "2");
  for (const [name, value] of Object.entries(settings)) url.searchParams.set(name, String(value));
  return url.href;
}
