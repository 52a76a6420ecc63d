/** The settings that the service advertises, and those that the person has chosen. */

import type { Advertised, ChoiceSetting, NumberSetting, Setting } from "./types";

/** The values that differ from the defaults. */
export type Chosen = Record<string, number | string>;

/** Whether the page can show it as a field for a number. */
export function isNumber(setting: Setting | { type: string }): setting is NumberSetting {
  return (setting.type === "integer" || setting.type === "number") && "minimum" in setting && "maximum" in setting;
}

/** Whether the page can show it as a list. */
export function isChoice(setting: Setting | { type: string }): setting is ChoiceSetting {
  return setting.type === "string" && "enum" in setting && Array.isArray(setting.enum);
}

/** The settings that the page can show, in the service's order. One seed for text and audio replaces those of each. */
export function shown(advertised: Advertised): [string, Setting][] {
  return Object.entries(advertised).filter((entry): entry is [string, Setting] => {
    const [name, setting] = entry;
    if ("seed" in advertised && (name === "text_seed" || name === "audio_seed")) return false;
    return isNumber(setting) || isChoice(setting);
  });
}

/**
 * The highest whole number that a setting takes. JSON gives JavaScript a number above 2^53 rounded, and the service's
 * own are powers of two less one: they come as the power of two.
 */
export function most({ maximum }: NumberSetting): bigint {
  return Number.isSafeInteger(maximum) ? BigInt(maximum) : BigInt(maximum) - 1n;
}

/** The value that a text field's content means; null if the setting does not take it. */
export function parse(setting: Setting, text: string): number | string | null {
  if (isChoice(setting)) return setting.enum.includes(text) ? text : null;
  const typed = text.trim();
  const number = Number(typed.replace(",", "."));
  const value = Number.isInteger(number) && !Number.isSafeInteger(number) ? typed : number;
  return typed !== "" && takes(setting, value) ? value : null;
}

/** The chosen values that may be sent: still advertised, still in range. The service decides about the others. */
export function valid(chosen: Chosen, advertised: Advertised): Chosen {
  return Object.fromEntries(
    shown(advertised)
      .map(([name, setting]) => [name, chosen[name], setting] as const)
      .filter(([, value, setting]) => value !== undefined && takes(setting, value))
      .map(([name, value]) => [name, value as number | string]),
  );
}

function takes(setting: Setting, value: number | string): boolean {
  if (isChoice(setting)) return typeof value === "string" && setting.enum.includes(value);
  // A whole number that JavaScript would round stays text.
  if (typeof value === "string") {
    return setting.type === "integer" && /^\d{16,20}$/.test(value) && BigInt(value) <= most(setting);
  }
  if (!Number.isFinite(value)) return false;
  return value >= setting.minimum && value <= setting.maximum && (setting.type === "number" || Number.isInteger(value));
}
