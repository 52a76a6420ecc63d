/** The wire protocol of `/api/chat`: binary messages whose first byte is their kind. */

import { Kind, type ServerEvent } from "./generated";

/** A parsed message from the server. */
export type Message =
  | { kind: "handshake" }
  | { kind: "audio"; ogg: Uint8Array }
  | { kind: "text"; text: string }
  | { kind: "event"; event: ServerEvent }
  | { kind: "error"; text: string }
  | { kind: "ping" };

/** A whole ping message. */
export const PING = Uint8Array.of(Kind.Ping);

/** A message with these bytes of the Ogg stream. */
export function audioMessage(ogg: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(ogg.length + 1);
  message[0] = Kind.Audio;
  message.set(ogg, 1);
  return message;
}

/** The content of a message; null for kinds that mean nothing to a client, and for broken ones. */
export function parseMessage(data: ArrayBuffer): Message | null {
  const bytes = new Uint8Array(data);
  const body = bytes.subarray(1);
  switch (bytes[0]) {
    case Kind.Handshake:
      return { kind: "handshake" };
    case Kind.Audio:
      return { kind: "audio", ogg: body };
    case Kind.Text:
      return { kind: "text", text: new TextDecoder().decode(body) };
    case Kind.Metadata: {
      const event = parseEvent(new TextDecoder().decode(body));
      return event && { kind: "event", event };
    }
    case Kind.Error:
      return { kind: "error", text: new TextDecoder().decode(body) };
    case Kind.Ping:
      return { kind: "ping" };
    default:
      return null;
  }
}

/** The events that this page knows. */
const KNOWN: Record<ServerEvent["type"], true> = {
  queue: true,
  prefill: true,
  session: true,
  stats: true,
  warning: true,
  end: true,
};

function parseEvent(text: string): ServerEvent | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && "type" in value && Object.hasOwn(KNOWN, String(value.type))
      ? (value as ServerEvent)
      : null;
  } catch {
    return null;
  }
}
