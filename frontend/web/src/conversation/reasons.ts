/** Error names and close codes in words, with the next step. */

import { NOT_PASSED_ON, UNSUPPORTED } from "../audio/microphone";
import { BROWSER_FAILED, LOST } from "../audio/protocol/closing";
import { CloseCode } from "../audio/protocol/generated";
import type { Step } from "../audio/steps";
import type { Health } from "../service/types";
import { type Problem, strings } from "../strings";
import type { DeviceProblem, NoMicrophone } from "./devices";

/** The step that the browser failed at, or did not finish. */
export function stepReason(step: Step): Problem {
  return strings.problems.steps[step];
}

/** A problem with a device, in words. */
export function deviceReason(problem: DeviceProblem): Problem {
  return strings.problems.devices[problem];
}

/** The reason why a conversation has no microphone. */
export function noMicrophoneReason(reason: NoMicrophone): Problem {
  return strings.problems.noMicrophone[reason];
}

/** `error`: the name of the DOMException of `requestMicrophone`. */
export function microphoneReason(error: string): Problem {
  switch (error) {
    case "NotAllowedError":
    case "SecurityError":
      return strings.problems.microphoneDenied;
    case NOT_PASSED_ON:
      return strings.problems.microphoneNotPassedOn;
    case UNSUPPORTED:
      return strings.problems.microphoneUnsupported;
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

/** The service's own reason where it has one. `error`: the code that the service gave it. */
export function closeReason(code: number, reason: string, error: string | null = null): Problem {
  if (code === BROWSER_FAILED) return strings.problems.audioBroke(sentence(reason));
  const own = closeProblem(code);
  // The reason begins with the setting's name.
  if (code === CloseCode.BadPreference) {
    const refused = strings.problems.refusedSetting(reason || own.text);
    return { ...refused, code: error ?? refused.code };
  }
  const said = sentence(reason);
  return said ? { code: error ?? own.code, text: said } : own;
}

/** The meaning of a close code without a reason. */
function closeProblem(code: number): Problem {
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

/** The reason why the model runs no conversations, under the code that the service gave it. */
export function modelReason({ detail, error }: Health): Problem {
  const problem = strings.problems.modelFailed(detail);
  return { ...problem, code: error ?? problem.code };
}

/** Without "try again" at its end, for when the page already does. */
export function withoutAdvice({ code, text }: Problem): Problem {
  return { code, text: sentence(text.replace(/[;,.]\s*(please )?try again( soon| later)?[.!]?$/i, "")) };
}

/** The services' reasons are fragments; on the page they are sentences. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (!trimmed) return "";
  const start = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(start) ? start : `${start}.`;
}
