/** Error names and close codes in words, with the next step. */

import { BROWSER_FAILED, LOST } from "../audio/protocol/closing";
import { CloseCode } from "../audio/protocol/generated";
import type { Step } from "../audio/steps";
import { strings } from "../strings";
import type { DeviceProblem, NoMicrophone } from "./devices";

/** The step that the browser failed at, or did not finish. */
export function stepReason(step: Step): string {
  return strings.problems.steps[step];
}

/** A problem with a device, in words. */
export function deviceReason(problem: DeviceProblem): string {
  return strings.problems.devices[problem];
}

/** The reason why a conversation has no microphone. */
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

/** The service's own reason where it has one. */
export function closeReason(code: number, reason: string): string {
  if (code === BROWSER_FAILED) return strings.problems.audioBroke(sentence(reason));
  const said = sentence(reason);
  // The reason begins with the setting's name.
  if (code === CloseCode.BadPreference) return strings.problems.refusedSetting(reason || strings.problems.closed(code));
  if (said) return said;
  switch (code) {
    case CloseCode.Finished:
      return strings.problems.finished;
    case CloseCode.GoingAway:
      return strings.problems.goingAway;
    case LOST:
      return strings.problems.lost;
    case CloseCode.NotAllowed:
      return strings.problems.notAllowed;
    case CloseCode.MoshiLost:
      return strings.problems.modelLost;
    case CloseCode.TryLater:
      return strings.problems.full;
    case CloseCode.TooSlow:
      return strings.problems.tooSlow;
    case CloseCode.Idle:
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
