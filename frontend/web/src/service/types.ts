/** The service's JSON by the page's names, and the settings that a newer service may advertise. */

import type { ObservedHealth, Setting as RangeSetting } from "./generated";

export type { Config, Personas } from "./generated";
/** moshi's state. */
export type Health = ObservedHealth;
/** A setting in a range. */
export type NumberSetting = RangeSetting;

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
