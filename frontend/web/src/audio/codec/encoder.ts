/** Opus encoders: the browser's own where it has one, else libopus in WebAssembly, loaded only then. */

import { PACKET_MS, type Samples } from "./format";

/** The encoder in use: the browser's, or libopus in WebAssembly. */
export type Codec = "webcodecs" | "wasm";
/** "auto": WebCodecs where the browser encodes Opus, else WebAssembly. */
export type CodecChoice = "auto" | "wasm";

/** An encoder of one stream. */
export interface Encoder {
  readonly codec: Codec;
  /** Encodes one packet (`PACKET_MS`) at the encoder's rate. The result comes through `onPacket`. */
  encode(samples: Samples): void;
  close(): void;
}

const BITS_PER_SECOND = 32_000;
const COMPLEXITY = 5; // of 10: more is not audible in speech, and costs phones time
const PACKET_MICROSECONDS = PACKET_MS * 1000;

/** `application` and `signal` are in the WebCodecs Opus registration, but not yet in TypeScript's library. */
const VOICE: OpusEncoderConfig & { application: string; signal: string } = {
  frameDuration: PACKET_MICROSECONDS,
  complexity: COMPLEXITY,
  application: "voip",
  signal: "voice",
};

/**
 * @param sampleRate of the input in Hz; Opus takes 48000 and some lower rates
 * @param onFailure the encoder broke and nothing more will come
 */
export async function createEncoder(
  choice: CodecChoice,
  sampleRate: number,
  onPacket: (packet: Uint8Array) => void,
  onFailure: (reason: string) => void,
): Promise<Encoder> {
  const config: AudioEncoderConfig = {
    codec: "opus",
    sampleRate,
    numberOfChannels: 1,
    bitrate: BITS_PER_SECOND,
    opus: VOICE,
  };
  if (choice === "auto" && typeof AudioEncoder === "function") {
    const { supported } = await AudioEncoder.isConfigSupported(config).catch(() => ({ supported: false }));
    if (supported) return webCodecsEncoder(config, onPacket, onFailure);
  }
  return wasmEncoder(sampleRate, onPacket);
}

function webCodecsEncoder(
  config: AudioEncoderConfig,
  onPacket: (packet: Uint8Array) => void,
  onFailure: (reason: string) => void,
): Encoder {
  const encoder = new AudioEncoder({
    output: (chunk) => {
      const packet = new Uint8Array(chunk.byteLength);
      chunk.copyTo(packet);
      onPacket(packet);
    },
    error: (error) => onFailure(error.message),
  });
  encoder.configure(config);
  let timestamp = 0;
  return {
    codec: "webcodecs",
    encode(samples) {
      if (encoder.state !== "configured") return;
      const data = new AudioData({
        format: "f32",
        sampleRate: config.sampleRate,
        numberOfFrames: samples.length,
        numberOfChannels: 1,
        timestamp,
        data: samples,
      });
      timestamp += PACKET_MICROSECONDS;
      encoder.encode(data);
      data.close();
    },
    close() {
      if (encoder.state !== "closed") encoder.close();
    },
  };
}

async function wasmEncoder(sampleRate: number, onPacket: (packet: Uint8Array) => void): Promise<Encoder> {
  const { createEncoder: create, Application, Signal } = await import("libopus-wasm");
  const rates = [8000, 12000, 16000, 24000, 48000] as const;
  const rate = rates.find((candidate) => candidate === sampleRate);
  if (rate === undefined) throw new Error(`Opus does not encode ${sampleRate} Hz`);
  const encoder = await create({
    channels: 1,
    sampleRate: rate,
    application: Application.Voip,
    signal: Signal.Voice,
    bitrate: BITS_PER_SECOND,
    complexity: COMPLEXITY,
    frameSize: (rate / 1000) * PACKET_MS,
  });
  return {
    codec: "wasm",
    encode: (samples) => onPacket(encoder.encodeFloat(samples).slice()),
    close: () => encoder.free(),
  };
}
