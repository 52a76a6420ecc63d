/** Error names and close codes, in words that say what to do. */

import type { Step } from "../audio/patience";
import { FAILED } from "../audio/worklet-messages";
import { strings } from "../strings";
import type { DeviceProblem, NoMicrophone } from "./devices";

/** A step on the way to a call that the browser failed at, or did not finish. */
export function stepReason(step: Step): string {
  return strings.problems.steps[step];
}

export function deviceReason(problem: DeviceProblem): string {
  return strings.problems.devices[problem];
}

/** Why a conversation that goes on has no microphone. */
export function noMicrophoneReason(reason: NoMicrophone): string {
  return strings.problems.noMicrophone[reason];
}

/** `error`: the name of getUserMedia's DOMException. */
export function microphoneReason(error: string): string {
  switch (error) {
    case "NotAllowedError":
    case "SecurityError":
      return strings.problems.microphoneDenied;
    case "NotFoundError":
    case "OverconstrainedError":
      return strings.problems.microphoneMissing;
    case "NotReadableError":
    case "AbortError":
      return strings.problems.microphoneBusy;
    case "TimeoutError":
      return stepReason("microphone");
    default:
      return strings.problems.microphoneOther(error);
  }
}

/** The close frame's own reason where it has one. */
export function closeReason(code: number, reason: string): string {
  if (code === FAILED) return strings.problems.audioBroke(sentence(reason));
  const said = sentence(reason.replace(/[;,.]?\s*Retry-After: \d+$/, ""));
  if (code === 4001) return strings.problems.refusedSetting(reason || strings.problems.closed(code)); // it begins with the setting's name
  if (said) return said;
  switch (code) {
    case 1000:
      return strings.problems.finished;
    case 1001:
      return strings.problems.goingAway;
    case 1006:
      return strings.problems.lost;
    case 1008:
      return strings.problems.notAllowed;
    case 1012:
      return strings.problems.modelLost;
    case 1013:
      return strings.problems.full;
    case 4000:
      return strings.problems.tooSlow;
    case 4002:
      return strings.problems.nothingHeard;
    default:
      return strings.problems.closed(code);
  }
}

/** Without "try again" at its end, for when the page already does. */
export function withoutAdvice(reason: string): string {
  return sentence(reason.replace(/[;,.]\s*(please )?try again( soon| later)?[.!]?$/i, ""));
}

/** The services' reasons are fragments; on the page they are sentences. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (!trimmed) return "";
  const start = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(start) ? start : `${start}.`;
}
