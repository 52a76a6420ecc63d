/** A configuration of the service, for tests. */

import type { Info } from "./generated";
import type { Config, Health } from "./types";

/** moshi's description of itself. */
export const info: Info = {
  service: "scenario6-moshi",
  version: "2.0",
  health: { status: "ready", phase: "ready", progress: 1, detail: "serving" },
  upstream: { version: "0.2", commit: "c0ffee" },
  model: { id: "demo", revision: null, demo: true },
  device: "cpu",
  dtype: "float32",
  sample_rate: 24_000,
  frame_size: 1920,
  context_seconds: 240,
  slot_bytes: 1_000_000,
  slots: { total: 4, used: 1 },
  queue: 0,
  limits: {
    queue: 8,
    session_seconds: 0,
    idle_seconds: 0,
    drain_seconds: 0,
    message_bytes: 16_384,
    input_backlog_frames: 25,
    output_backlog_frames: 100,
  },
  uptime_seconds: 60,
  settings: {},
  personas: null,
};

/** The frontend's answer; moshi is ready where `health` does not say otherwise. */
export function exampleConfig(health: Partial<Health> = {}, slots = info.slots): Config {
  return {
    service: "scenario6-frontend",
    version: "1.0",
    mode: "proxy",
    chat_url: "api/chat",
    secure_origin: null,
    devices: { origins: [], authority: null },
    moshi: {
      url: "http://moshi",
      health: { status: "ready", phase: "ready", progress: 1, detail: "serving", ...health },
      info: { ...info, slots },
    },
  };
}
