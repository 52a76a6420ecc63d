/** The person's choices for conversations. This browser remembers them. */

import { isBoolean, isString, remembered } from "../common/remembered";
import { isPersona, NOBODY, type Persona } from "../service/personas";
import type { Chosen } from "../service/settings";

/** The microphone is open only while a button is held. */
export const pushToTalk = remembered("push-to-talk", false, isBoolean);
/** Record both sides of the next conversations. */
export const recording = remembered("record", false, isBoolean);
/** A device's id; empty for the system's default. */
export const microphoneId = remembered("microphone", "", isString);
/** A device's id; empty for the system's default. */
export const speakerId = remembered("speaker", "", isString);
/** The settings of moshi that the person has changed. */
export const chosen = remembered<Chosen>("settings", {}, isChosen);
/** The voice and the role that the person has picked. */
export const persona = remembered<Persona>("persona", NOBODY, isPersona);

function isChosen(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((one) => typeof one === "number" || typeof one === "string");
}
