/**
 * Ogg pages around Opus packets, both ways (RFC 3533 and RFC 7845).
 *
 * Our own, because the libraries lack two things that a live conversation needs: each packet leaves at once in a page
 * of its own, and the reader recovers after damage.
 */

const CAPTURE = [0x4f, 0x67, 0x67, 0x53]; // "OggS"
const HEADER_BYTES = 27;
const CONTINUED = 1;
const FIRST = 2;
const LAST = 4;
const CHECKSUM_AT = 22;
const MAX_PACKET_BYTES = 65_536;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let remainder = index << 24;
  for (let bit = 0; bit < 8; bit++) {
    remainder = remainder & 0x80000000 ? (remainder << 1) ^ 0x04c11db7 : remainder << 1;
  }
  return remainder >>> 0;
});

/** Ogg's checksum of a page, in which the checksum's own four bytes count as zero. */
export function pageChecksum(page: Uint8Array): number {
  let crc = 0;
  for (let index = 0; index < page.length; index++) {
    const byte = index >= CHECKSUM_AT && index < CHECKSUM_AT + 4 ? 0 : (page[index] as number);
    crc = ((crc << 8) ^ (CRC_TABLE[(crc >>> 24) ^ byte] as number)) >>> 0;
  }
  return crc;
}

/** Writes one Opus stream. */
export class OggOpusWriter {
  #sequence = 0;
  #position = 0;

  /**
   * @param serial the stream's number
   * @param preSkip 48 kHz samples of encoder delay that a decoder drops
   * @param channels 1 or 2
   */
  constructor(
    readonly serial: number,
    readonly preSkip = 312,
    readonly channels = 1,
  ) {}

  /** The two header pages that begin a stream. `inputRate` in Hz is for information only. */
  headers(inputRate: number): Uint8Array {
    const head = new Uint8Array(19);
    const view = new DataView(head.buffer);
    head.set(new TextEncoder().encode("OpusHead"));
    head[8] = 1; // version
    head[9] = this.channels;
    view.setUint16(10, this.preSkip, true);
    view.setUint32(12, inputRate, true);

    const vendor = new TextEncoder().encode("scenario6");
    const tags = new Uint8Array(8 + 4 + vendor.length + 4);
    tags.set(new TextEncoder().encode("OpusTags"));
    new DataView(tags.buffer).setUint32(8, vendor.length, true);
    tags.set(vendor, 12);

    const first = this.#page(head, FIRST);
    const second = this.#page(tags, 0);
    const both = new Uint8Array(first.length + second.length);
    both.set(first);
    both.set(second, first.length);
    return both;
  }

  /** One packet in a page. `samples` is its length at 48 kHz. `isLast`: the stream ends with it. */
  packet(packet: Uint8Array, samples: number, isLast = false): Uint8Array {
    this.#position += samples;
    return this.#page(packet, isLast ? LAST : 0);
  }

  #page(packet: Uint8Array, flags: number): Uint8Array {
    const full = Math.floor(packet.length / 255);
    const segments = full + 1;
    if (segments > 255) throw new RangeError(`an Opus packet of ${packet.length} bytes does not fit into a page`);
    const page = new Uint8Array(HEADER_BYTES + segments + packet.length);
    const view = new DataView(page.buffer);
    page.set(CAPTURE);
    page[5] = flags;
    view.setBigUint64(6, BigInt(this.#position), true);
    view.setUint32(14, this.serial, true);
    view.setUint32(18, this.#sequence++, true);
    page[26] = segments;
    page.fill(255, HEADER_BYTES, HEADER_BYTES + full);
    page[HEADER_BYTES + full] = packet.length % 255;
    page.set(packet, HEADER_BYTES + segments);
    view.setUint32(CHECKSUM_AT, pageChecksum(page), true);
    return page;
  }
}

/** Reads packets from pieces of an Ogg stream, however it was cut. Damaged pages are left out and counted. */
export class OggReader {
  damagedPages = 0;
  #pending = new Uint8Array(0);
  #partial: Uint8Array[] = [];
  #partialBytes = 0;

  /** The packets that these bytes complete. */
  push(bytes: Uint8Array): Uint8Array[] {
    const data = concatenate([this.#pending, bytes]);
    const packets: Uint8Array[] = [];
    let at = 0;
    for (;;) {
      at = findCapture(data, at);
      const length = pageLength(data, at);
      if (length === null || at + length > data.length) break;
      const page = data.subarray(at, at + length);
      if (new DataView(page.buffer, page.byteOffset).getUint32(CHECKSUM_AT, true) === pageChecksum(page)) {
        this.#readPage(page, packets);
        at += length;
      } else {
        this.damagedPages++;
        this.#forgetPartial();
        at += 1; // the length cannot be trusted: look for the next capture pattern from here
      }
    }
    this.#pending = data.slice(at); // less than one page, so at most 65,307 bytes
    return packets;
  }

  #readPage(page: Uint8Array, packets: Uint8Array[]): void {
    const segments = page[26] as number;
    let skipping = false;
    if (((page[5] as number) & CONTINUED) === 0) this.#forgetPartial();
    else skipping = this.#partial.length === 0; // the beginning of this packet was lost
    let start = HEADER_BYTES + segments;
    let end = start;
    for (let index = 0; index < segments; index++) {
      const lacing = page[HEADER_BYTES + index] as number;
      end += lacing;
      if (lacing === 255) continue;
      if (!skipping) packets.push(concatenate([...this.#partial, page.subarray(start, end)]));
      this.#forgetPartial();
      skipping = false;
      start = end;
    }
    if (start < end && !skipping) {
      this.#partial.push(page.slice(start, end));
      this.#partialBytes += end - start;
      if (this.#partialBytes > MAX_PACKET_BYTES) this.#forgetPartial();
    }
  }

  #forgetPartial(): void {
    this.#partial = [];
    this.#partialBytes = 0;
  }
}

/** The position of the next page, or of the last bytes that may begin one. */
function findCapture(data: Uint8Array, from: number): number {
  for (let at = from; at < data.length; at++) {
    if (CAPTURE.every((byte, offset) => at + offset >= data.length || data[at + offset] === byte)) return at;
  }
  return data.length;
}

/** The length of the page at `at`; null while its header is incomplete. */
function pageLength(data: Uint8Array, at: number): number | null {
  if (data.length - at < HEADER_BYTES) return null;
  const segments = data[at + 26] as number;
  if (data.length - at < HEADER_BYTES + segments) return null;
  let length = HEADER_BYTES + segments;
  for (let index = 0; index < segments; index++) length += data[at + HEADER_BYTES + index] as number;
  return length;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Whether a packet is one of the two that describe the stream instead of carrying sound. */
export function isOpusHeader(packet: Uint8Array): boolean {
  const magic = new TextDecoder().decode(packet.subarray(0, 8));
  return magic === "OpusHead" || magic === "OpusTags";
}

/** The 48 kHz samples to drop, from an OpusHead packet; null for any other. */
export function preSkipOf(packet: Uint8Array): number | null {
  if (packet.length < 12 || new TextDecoder().decode(packet.subarray(0, 8)) !== "OpusHead") return null;
  return new DataView(packet.buffer, packet.byteOffset).getUint16(10, true);
}
