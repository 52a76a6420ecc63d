/** The wire protocol of `/api/chat`: binary messages whose first byte is their kind. */

import type { Metadata } from "./metadata";

/** The first byte of a message. */
export const Kind = {
  handshake: 0,
  audio: 1,
  text: 2,
  control: 3,
  metadata: 4,
  error: 5,
  ping: 6,
} as const;

/** A parsed message from the server. */
export type Message =
  | { kind: "handshake" }
  | { kind: "audio"; ogg: Uint8Array }
  | { kind: "text"; text: string }
  | { kind: "metadata"; metadata: Metadata }
  | { kind: "error"; text: string }
  | { kind: "ping" };

/** A whole ping message. */
export const PING = Uint8Array.of(Kind.ping);

/** A message with these bytes of the Ogg stream. */
export function audioMessage(ogg: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(ogg.length + 1);
  message[0] = Kind.audio;
  message.set(ogg, 1);
  return message;
}

/** The content of a message; null for kinds that mean nothing to a client, and for broken ones. */
export function parseMessage(data: ArrayBuffer): Message | null {
  const bytes = new Uint8Array(data);
  const body = bytes.subarray(1);
  switch (bytes[0]) {
    case Kind.handshake:
      return { kind: "handshake" };
    case Kind.audio:
      return { kind: "audio", ogg: body };
    case Kind.text:
      return { kind: "text", text: new TextDecoder().decode(body) };
    case Kind.metadata: {
      const metadata = parseMetadata(new TextDecoder().decode(body));
      return metadata && { kind: "metadata", metadata };
    }
    case Kind.error:
      return { kind: "error", text: new TextDecoder().decode(body) };
    case Kind.ping:
      return { kind: "ping" };
    default:
      return null;
  }
}

function parseMetadata(text: string): Metadata | null {
  try {
    const value: unknown = JSON.parse(text);
    const known = ["queue", "preparing", "session", "stats", "warning", "end"];
    return typeof value === "object" && value !== null && "type" in value && known.includes(String(value.type))
      ? (value as Metadata)
      : null;
  } catch {
    return null;
  }
}
