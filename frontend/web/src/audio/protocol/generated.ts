/** Generated from docs/reference/ by `npm run types`. Do not edit. */

export type ServerEvent = QueueEvent | PrefillEvent | SessionEvent | StatsEvent | WarningEvent | EndEvent;

/**
 * The client waits for a slot. Sent at once, when the client moves up, and every 5 s.
 */
export interface QueueEvent {
  /**
   * An upper bound; null if conversations have no time limit
   */
  longest_wait_seconds: number | null;
  /**
   * 1 is next
   */
  position: number;
  type: "queue";
  /**
   * An estimate; null until a conversation has ended
   */
  wait_seconds: number | null;
}
/**
 * The model reads the conversation's voice and role.
 */
export interface PrefillEvent {
  /**
   * Steps read
   */
  done: number;
  /**
   * Estimate of the time left; null while nothing is known
   */
  seconds: number | null;
  /**
   * Steps to read
   */
  total: number;
  type: "prefill";
}
/**
 * The conversation begins. Sent before the handshake.
 */
export interface SessionEvent {
  /**
   * The session's name in the service's log
   */
  id: string;
  /**
   * Null without voice and role
   */
  prefill: PrefillSummary | null;
  settings: SessionSettings;
  type: "session";
}
/**
 * How the model read the voice and the role.
 */
export interface PrefillSummary {
  /**
   * Whether an earlier conversation's voice was reused
   */
  remembered: boolean;
  /**
   * From the slot until the end of the prefill
   */
  seconds: number;
  steps: number;
}
/**
 * The settings that give the same conversation again, by the names of the query parameters.
 *
 * A seed above 2^53 is a string, because JavaScript would round the number.
 */
export interface SessionSettings {
  audio_seed: number | string;
  audio_temperature: number;
  audio_topk: number;
  text_prompt?: string;
  text_seed: number | string;
  text_temperature: number;
  text_topk: number;
  voice_prompt?: string;
}
/**
 * Sent about once a second.
 */
export interface StatsEvent {
  /**
   * Input that waits for the model
   */
  backlog_frames: number;
  /**
   * Input dropped since the beginning
   */
  dropped_frames: number;
  /**
   * From the arrival of this conversation's last frame until its answer
   */
  lag_ms: number;
  /**
   * Duration of the model's last step
   */
  step_ms: number;
  type: "stats";
}
/**
 * The service will end the conversation.
 *
 * Reasons: its time limit (`session`), no audio comes (`idle`; void as soon as some comes), or the service stops
 * (`draining`).
 */
export interface WarningEvent {
  /**
   * Time left
   */
  seconds: number;
  type: "warning";
  why: "session" | "idle" | "draining";
}
/**
 * The service ends the conversation. The close frame follows, with the same code.
 */
export interface EndEvent {
  /**
   * A close code
   */
  code: number;
  /**
   * The code of the error in docs/reference/troubleshooting.md, or null
   */
  error: string | null;
  reason: string;
  /**
   * Seconds after which to try again; null where the service does not know
   */
  retry_after: number | null;
  type: "end";
}

/**
 * The first byte of a message.
 */
export enum Kind {
  Handshake = 0,
  Audio = 1,
  Text = 2,
  Control = 3,
  Metadata = 4,
  Error = 5,
  Ping = 6
}

/**
 * Close codes: RFC 6455's and, from 4000 on, our own.
 */
export enum CloseCode {
  Finished = 1000,
  GoingAway = 1001,
  NotText = 1003,
  NotOpus = 1007,
  NotAllowed = 1008,
  TooBig = 1009,
  EngineFailed = 1011,
  MoshiLost = 1012,
  TryLater = 1013,
  TooSlow = 4000,
  BadPreference = 4001,
  Idle = 4002,
  NoToken = 4003
}
