/** The sound of both sides, kept in memory until it is saved: you left, Moshi right. It never leaves the browser. */

import { PACKET_SAMPLES } from "./codec/format";
import { OggOpusWriter } from "./codec/ogg";
import { type Chunk, RECORDED_RATE } from "./worklets/stereo";

/** A file format of recordings. */
export type RecordingFormat = "wav" | "opus";

/** As long as a conversation may be by default; 173 MB. */
export const MAX_SECONDS = 1800;
const CHANNELS = 2;
const BYTES_PER_FRAME = 2 * CHANNELS;
const WAV_HEADER_BYTES = 44;
const BITS_PER_SECOND = 64_000;
const CHUNKS_AHEAD = 50;

/** The formats that this browser can write. */
export function recordingFormats(): readonly RecordingFormat[] {
  return typeof AudioEncoder === "function" ? ["wav", "opus"] : ["wav"];
}

/** One recording, which grows up to its limit. */
export class Recording {
  #chunks: Chunk[] = [];
  #frames = 0;

  /** @param maxSeconds later sound is not kept */
  constructor(readonly maxSeconds = MAX_SECONDS) {}

  get seconds(): number {
    return this.#frames / RECORDED_RATE;
  }

  get full(): boolean {
    return this.seconds >= this.maxSeconds;
  }

  push(chunk: Chunk): void {
    if (this.full) return;
    this.#chunks.push(chunk);
    this.#frames += chunk.length / CHANNELS;
  }

  /** @throws Error if the browser does not encode Opus, or fails at it */
  async as(format: RecordingFormat): Promise<Blob> {
    const chunks = [...this.#chunks]; // later ones are for the next file
    return format === "wav" ? wav(chunks) : opus(chunks);
  }
}

function wav(chunks: Chunk[]): Blob {
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  const header = new DataView(new ArrayBuffer(WAV_HEADER_BYTES));
  const text = (at: number, letters: string): void => {
    for (let index = 0; index < letters.length; index++) header.setUint8(at + index, letters.charCodeAt(index));
  };
  text(0, "RIFF");
  header.setUint32(4, WAV_HEADER_BYTES - 8 + bytes, true);
  text(8, "WAVEfmt ");
  header.setUint32(16, 16, true); // bytes of the format's description
  header.setUint16(20, 1, true); // plain samples
  header.setUint16(22, CHANNELS, true);
  header.setUint32(24, RECORDED_RATE, true);
  header.setUint32(28, RECORDED_RATE * BYTES_PER_FRAME, true);
  header.setUint16(32, BYTES_PER_FRAME, true);
  header.setUint16(34, 16, true); // bits of a sample
  text(36, "data");
  header.setUint32(40, bytes, true);
  return new Blob([header.buffer, ...chunks], { type: "audio/wav" });
}

async function opus(chunks: Chunk[]): Promise<Blob> {
  const writer = new OggOpusWriter(1, 312, CHANNELS);
  const packets: Uint8Array[] = [];
  let failure: Error | null = null;
  const encoder = new AudioEncoder({
    output: (encoded) => {
      const packet = new Uint8Array(encoded.byteLength);
      encoded.copyTo(packet);
      packets.push(packet);
    },
    error: (error) => {
      failure = error;
    },
  });
  encoder.configure({
    codec: "opus",
    sampleRate: RECORDED_RATE,
    numberOfChannels: CHANNELS,
    bitrate: BITS_PER_SECOND,
  });
  let frames = 0;
  for (const chunk of chunks) {
    const data = new AudioData({
      format: "s16",
      sampleRate: RECORDED_RATE,
      numberOfChannels: CHANNELS,
      numberOfFrames: chunk.length / CHANNELS,
      timestamp: (frames / RECORDED_RATE) * 1e6,
      data: chunk,
    });
    encoder.encode(data);
    data.close();
    frames += chunk.length / CHANNELS;
    while (encoder.encodeQueueSize > CHUNKS_AHEAD && !failure) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  if (!failure) await encoder.flush();
  if (failure) throw failure;
  encoder.close();
  const pages = packets.map((packet, index) => writer.packet(packet, PACKET_SAMPLES, index === packets.length - 1));
  return new Blob(
    [writer.headers(RECORDED_RATE), ...pages].map((page) => new Uint8Array(page)),
    { type: "audio/ogg" },
  );
}
