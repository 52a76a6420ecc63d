/** The JSON of the frontend's `/api/config`, and of moshi's `/health` and `/api/info` in it. */

/** moshi's state. */
export interface Health {
  status: "ready" | "starting" | "draining" | "failed" | "unreachable";
  phase: string;
  /** 0..1; null where it is not known. */
  progress: number | null;
  detail: string;
}

/** moshi's description of itself. */
export interface Info {
  version: string;
  model: { id: string; revision: string | null; demo: boolean };
  upstream: { version: string };
  device: string | null;
  slots?: { total: number; used: number };
  /** The settings that a client may choose; absent from an older service. */
  settings?: Advertised;
  /** Voices and roles to choose from; null or absent where there are none. */
  personas?: Personas | null;
}

/** The frontend's answer. */
export interface Config {
  version: string;
  mode: "proxy" | "direct";
  chat_url: string;
  /** This page's address over HTTPS; null or absent where the service knows of none. */
  secure_origin?: string | null;
  moshi: { url: string; health: Health; info: Info | null };
}

/** A setting in a range. */
export interface NumberSetting {
  type: "integer" | "number";
  minimum: number;
  maximum: number;
  /** null: any, drawn anew for each conversation. */
  default: number | null;
}

/** A setting out of a list. */
export interface ChoiceSetting {
  type: "string";
  enum: string[];
  default: string | null;
}

/** A setting that this page knows. */
export type Setting = NumberSetting | ChoiceSetting;
/** By the name of the query parameter. A newer service may advertise kinds that this page does not know. */
export type Advertised = Record<string, Setting | { type: string }>;

/** A role that the service offers. `text` is its prompt. */
export interface Preset {
  id: string;
  name: string;
  text: string;
  tokens: number;
}

/** The offer of voices and roles, with the limits of a person's own text. */
export interface Personas {
  voices: { id: string; seconds: number }[];
  default_voice: string | null;
  /** Any text, that of a preset only, or none. */
  text_prompt: "free" | "presets" | "off";
  presets: Preset[];
  max_characters: number;
  max_tokens: number;
}
