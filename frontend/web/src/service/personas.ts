/** Voice and role: those that the service offers, and those that the person has picked. */

import type { Chosen } from "./settings";
import type { Personas } from "./types";

/** `voice` is empty for the service's own. `role`: a preset's id, `OWN` for `text`, empty for none. */
export interface Persona {
  voice: string;
  role: string;
  text: string;
}

/** Nothing picked. */
export const NOBODY: Persona = { voice: "", role: "", text: "" };

/** The role of a person's own text. No preset has this id: those begin with a letter or digit. */
export const OWN = "*";

/** Characters that a token has in English, or somewhat fewer: the estimate should rather be too high. */
const CHARACTERS_PER_TOKEN = 4;

/** The query parameters, by PersonaPlex's names. A choice that the service no longer offers is left out. */
export function asked(persona: Persona, offered: Personas | null | undefined): Chosen {
  if (!offered) return {};
  const voice = offered.voices.some(({ id }) => id === persona.voice) ? persona.voice : "";
  const text = roleText(persona, offered).trim();
  return { ...(voice && { voice_prompt: voice }), ...(text && { text_prompt: text }) };
}

/** The text that the service gets for a role. */
export function roleText({ role, text }: Persona, offered: Personas): string {
  if (offered.text_prompt === "off") return "";
  if (role === OWN) return offered.text_prompt === "free" ? text : "";
  return offered.presets.find(({ id }) => id === role)?.text ?? "";
}

/** The tokens that a role takes. For a person's own text it is an estimate. */
export function roleTokens(persona: Persona, offered: Personas): number {
  const preset = offered.presets.find(({ id }) => id === persona.role);
  return preset ? preset.tokens : Math.ceil(roleText(persona, offered).trim().length / CHARACTERS_PER_TOKEN);
}

/** Of a conversation: its voice, and its role by a preset's name or else by its text. */
export function company(
  settings: Readonly<{ voice_prompt?: string; text_prompt?: string }>,
  offered: Personas | null | undefined,
): { voice: string; role: string } | null {
  const voice = settings.voice_prompt ?? "";
  const text = settings.text_prompt ?? "";
  const preset = offered?.presets.find((one) => one.text === text);
  return voice || text ? { voice, role: preset?.name ?? text } : null;
}

/** Whether a remembered value can be used. */
export function isPersona(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return ["voice", "role", "text"].every((name) => typeof (value as Record<string, unknown>)[name] === "string");
}
