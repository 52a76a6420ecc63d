import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isOpusHeader, OggOpusWriter, OggReader, pageChecksum, preSkipOf } from "./ogg";

const packets = fc.array(fc.uint8Array({ minLength: 1, maxLength: 1500 }), { minLength: 1, maxLength: 12 });
const pieces = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 });

function join(parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function* cut(data: Uint8Array, sizes: number[]): Generator<Uint8Array> {
  for (let at = 0, index = 0; at < data.length; index++) {
    const size = sizes[index % sizes.length] as number;
    yield data.subarray(at, at + size);
    at += size;
  }
}

function read(reader: OggReader, parts: Iterable<Uint8Array>): Uint8Array[] {
  return [...parts].flatMap((part) => reader.push(part));
}

describe("an Ogg stream", () => {
  it("is read as it was written, however it is cut", () => {
    fc.assert(
      fc.property(packets, pieces, (sent, sizes) => {
        const writer = new OggOpusWriter(7);
        const stream = join(sent.map((packet) => writer.packet(packet, 960)));
        const reader = new OggReader();
        expect(read(reader, cut(stream, sizes)).map((packet) => [...packet])).toEqual(
          sent.map((packet) => [...packet]),
        );
        expect(reader.damagedPages).toBe(0);
      }),
    );
  });

  it("begins with headers that say the delay of the encoder", () => {
    const [head, tags] = new OggReader().push(new OggOpusWriter(7, 312).headers(24_000)) as [Uint8Array, Uint8Array];
    expect([head, tags].map(isOpusHeader)).toEqual([true, true]);
    expect([head, tags].map(preSkipOf)).toEqual([312, null]);
    expect(isOpusHeader(Uint8Array.of(1, 2, 3))).toBe(false);
  });

  it("is found again after garbage, without losing a page", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), packets, pieces, (garbage, sent, sizes) => {
        const writer = new OggOpusWriter(7);
        const stream = join([garbage, ...sent.map((packet) => writer.packet(packet, 960))]);
        const got = read(new OggReader(), cut(stream, sizes));
        expect(got.slice(-sent.length).map((packet) => [...packet])).toEqual(sent.map((packet) => [...packet]));
      }),
    );
  });

  it("loses the page that is damaged and no other", () => {
    fc.assert(
      fc.property(packets, fc.nat(), fc.nat(), (sent, which, where) => {
        const writer = new OggOpusWriter(7);
        const pages = sent.map((packet) => writer.packet(packet, 960));
        const victim = which % pages.length;
        const page = pages[victim] as Uint8Array;
        const at = page.length - 1 - (where % (sent[victim] as Uint8Array).length); // in its packet
        page[at] = (page[at] as number) ^ 0x40;
        const reader = new OggReader();
        const got = reader.push(join(pages));
        const expected = sent.filter((_, index) => index !== victim);
        expect(got.map((packet) => [...packet])).toEqual(expected.map((packet) => [...packet]));
        expect(reader.damagedPages).toBeGreaterThan(0);
      }),
    );
  });

  it("joins a packet that continues on the next page, and drops one whose beginning is lost", () => {
    const long = new Uint8Array(255 * 3 + 10).fill(5);
    const [first, second] = split(long, 255 * 2);
    const reader = new OggReader();
    expect(reader.push(first)).toEqual([]);
    expect(reader.push(second).map((packet) => packet.length)).toEqual([long.length]);
    expect(new OggReader().push(second)).toEqual([]);
  });

  it("refuses a packet that fits into no page", () => {
    expect(() => new OggOpusWriter(7).packet(new Uint8Array(255 * 255), 960)).toThrow(RangeError);
  });

  it("has the checksum that the format's reference gives", () => {
    // CRC-32 with polynomial 04c11db7, no reflection, zero start, over a page of zeros but for one byte.
    const page = new Uint8Array(27);
    expect(pageChecksum(page)).toBe(0);
    page[26] = 1;
    expect(pageChecksum(page)).toBe(0x04c11db7);
  });
});

/** A packet over two pages, the first `at` bytes (a multiple of 255) on the first. */
function split(packet: Uint8Array, at: number): [Uint8Array, Uint8Array] {
  const make = (flags: number, lacing: number[], body: Uint8Array): Uint8Array => {
    const page = new Uint8Array(27 + lacing.length + body.length);
    page.set([0x4f, 0x67, 0x67, 0x53, 0, flags]);
    page[26] = lacing.length;
    page.set(lacing, 27);
    page.set(body, 27 + lacing.length);
    new DataView(page.buffer).setUint32(22, pageChecksum(page), true);
    return page;
  };
  const full = (bytes: number): number[] => Array<number>(Math.floor(bytes / 255)).fill(255);
  const rest = packet.length - at;
  return [make(0, full(at), packet.subarray(0, at)), make(1, [...full(rest), rest % 255], packet.subarray(at))];
}
