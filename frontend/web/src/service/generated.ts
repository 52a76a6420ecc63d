/** Generated from docs/reference/ by `npm run types`. Do not edit. */

/**
 * The page reads this first. `chat_url` is relative to the page in proxy mode and absolute in direct mode.
 *
 * `secure_origin` is where this page is served over HTTPS, e.g. `https://talk.example`: by FRONTEND_TLS, by a trusted
 * proxy's `X-Forwarded-Proto`, or by an HTTPS origin of FRONTEND_ALLOWED_ORIGINS with the same host name. It is null
 * where the service knows of none.
 */
export interface Config {
  chat_url: string;
  devices: Devices;
  mode: "proxy" | "direct";
  moshi: MoshiReport;
  secure_origin: string | null;
  service?: "scenario6-frontend";
  version: string;
}
/**
 * How other devices, e.g. a phone, reach this page.
 *
 * `origins` are addresses over HTTPS, e.g. `https://192.168.0.10:8080`, the best first. Only a browser on the
 * service's own machine learns them. `authority` is the SHA-256 fingerprint of the file `scenario6-authority.crt`
 * beside the page, which makes a device trust FRONTEND_TLS=auto; null where there is no such file.
 */
export interface Devices {
  authority: string | null;
  origins: string[];
}
/**
 * moshi as this service last saw it, seconds ago at most. `info` is null while it is unreachable.
 */
export interface MoshiReport {
  health: ObservedHealth;
  info: Info | null;
  url: string;
}
/**
 * A service's health as another program sees it. The other program adds `unreachable`.
 */
export interface ObservedHealth {
  /**
   * One line for people
   */
  detail: string;
  /**
   * The code of the error in docs/reference/troubleshooting.md, or null
   */
  error?: string | null;
  /**
   * Of the start: resolve, load, warm-up, ready. Or the phase that failed
   */
  phase: string;
  /**
   * Of the phase, 0 to 1; null where it is unknown
   */
  progress: number | null;
  /**
   * Whether conversations can begin
   */
  status: "starting" | "ready" | "draining" | "failed" | "unreachable";
}
/**
 * Fields that depend on the model are null, and `settings` is empty, until the model is loaded.
 */
export interface Info {
  /**
   * How far back the model remembers
   */
  context_seconds: number | null;
  device: string | null;
  dtype: string | null;
  /**
   * Samples
   */
  frame_size: number | null;
  health: Health;
  /**
   * Whether the service's own kernels for a GPU are in use, or why not
   */
  kernels?: string | null;
  limits: Limits;
  model: Model;
  /**
   * Null where there are no voices and no roles to choose from
   */
  personas: Personas | null;
  /**
   * Clients who wait
   */
  queue: number;
  /**
   * Hz
   */
  sample_rate: number | null;
  service?: "scenario6-moshi";
  /**
   * Query parameters that a client may send for its conversation
   */
  settings: {
    [k: string]: Setting;
  };
  /**
   * Memory of a slot
   */
  slot_bytes: number | null;
  slots: Slots;
  upstream: Upstream;
  uptime_seconds: number;
  version: string;
}
/**
 * The answer of `/health`, so that one request tells everything
 */
export interface Health {
  /**
   * One line for people
   */
  detail: string;
  /**
   * The code of the error in docs/reference/troubleshooting.md, or null
   */
  error?: string | null;
  /**
   * Of the start: resolve, load, warm-up, ready. Or the phase that failed
   */
  phase: string;
  /**
   * Of the phase, 0 to 1; null where it is unknown
   */
  progress: number | null;
  /**
   * Whether conversations can begin
   */
  status: "starting" | "ready" | "draining" | "failed";
}
/**
 * Seconds of 0 mean: no limit.
 */
export interface Limits {
  drain_seconds: number;
  idle_seconds: number;
  input_backlog_frames: number;
  message_bytes: number;
  output_backlog_frames: number;
  /**
   * Clients who may wait
   */
  queue: number;
  session_seconds: number;
}
/**
 * The model that answers.
 */
export interface Model {
  /**
   * Whether it is the demo model, which understands no words
   */
  demo: boolean;
  /**
   * MOSHI_MODEL, or the name of its folder
   */
  id: string;
  revision: string | null;
}
/**
 * The values that the query parameters `voice_prompt` and `text_prompt` take.
 *
 * Each token of a text is a step, of which the model remembers `context_seconds` / 0.08.
 */
export interface Personas {
  default_voice: string | null;
  /**
   * Length of the longest text that is taken
   */
  max_characters: number;
  /**
   * Length of the longest text that is taken
   */
  max_tokens: number;
  presets: PresetChoice[];
  /**
   * Any text, the text of a preset, or none
   */
  text_prompt: "free" | "presets" | "off";
  voices: VoiceChoice[];
}
/**
 * A role with a name.
 */
export interface PresetChoice {
  id: string;
  name: string;
  /**
   * The value for `text_prompt`
   */
  text: string;
  /**
   * Length of the text
   */
  tokens: number;
}
/**
 * A value of the query parameter `voice_prompt`.
 */
export interface VoiceChoice {
  id: string;
  /**
   * Time that the model listens to the voice before the conversation
   */
  seconds: number;
}
/**
 * A query parameter that a client may send.
 */
export interface Setting {
  /**
   * The model's own value; null for a seed, which is then drawn
   */
  default: number | null;
  maximum: number;
  minimum: number;
  type: "integer" | "number";
}
/**
 * Conversations at the same time.
 */
export interface Slots {
  /**
   * Conversations that fit; 0 until the model is loaded
   */
  total: number;
  used: number;
}
/**
 * The vendored release of Moshi.
 */
export interface Upstream {
  commit: string;
  version: string;
}
