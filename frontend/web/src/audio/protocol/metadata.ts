/** The JSON of metadata messages (kind 4), as docs/protocol.md describes it. */

/** A metadata message. */
export type Metadata =
  /** Before the handshake: position 1 is next. Times in seconds; null where the service knows none. */
  | { type: "queue"; position: number; wait_seconds: number | null; longest_wait_seconds?: number | null }
  /** Before the handshake: the model reads voice and role. `done` and `total` are positions; `seconds` are left. */
  | { type: "preparing"; done: number; total: number; seconds: number | null }
  | {
      type: "session";
      id: string;
      settings: Record<string, number | string>;
      /** The time that voice and role took; null without them. `remembered`: the voice was in memory. */
      preparation: { steps: number; seconds: number; remembered: boolean } | null;
    }
  | { type: "stats"; tick_ms: number; lag_ms: number; backlog_frames: number; dropped_frames: number }
  | { type: "warning"; why: "session" | "idle" | "draining"; seconds: number }
  | { type: "end"; code: number; reason: string };

/** Metadata of one type. */
export type MetadataOf<Type extends Metadata["type"]> = Extract<Metadata, { type: Type }>;
