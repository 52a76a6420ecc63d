/** A state in words: what it is, and why or what to do. Nothing in it counts down; screen readers would never end. */

import type { Health } from "./config";
import type { State } from "./conversation";
import { sentence } from "./reasons";
import { strings } from "./strings";

export interface Words {
  title: string;
  detail: string;
}

/** `pushToTalk`: being muted is the rule then, and not worth a warning. */
export function words(state: State, pushToTalk: boolean): Words {
  switch (state.name) {
    case "idle":
      return strings.idle;
    case "insecure":
      return strings.problems.insecure;
    case "microphone":
      return strings.microphone;
    case "connecting":
      return state.lost ? strings.connectingAgain : strings.connecting;
    case "untrusted":
      return strings.problems.untrusted;
    case "starting":
      return startingWords(state.health);
    case "queued":
      return { title: strings.queued.title(state.position), detail: strings.queued.detail };
    case "preparing":
      return strings.preparing;
    case "live":
      if (state.interrupted) return strings.problems.interrupted;
      if (pushToTalk) return strings.pushToTalk;
      return state.muted ? strings.muted : strings.live;
    case "busy":
      return { title: strings.problems.busy.title, detail: state.reason };
    case "reconnecting":
      return {
        title: strings.problems.reconnecting.title,
        detail: `${state.reason} ${strings.problems.reconnecting.detail}`,
      };
    case "ended":
      return { title: strings.ended.title(strings.duration(state.seconds)), detail: state.reason };
    case "failed":
      return { title: strings.failed.title, detail: state.reason };
  }
}

function startingWords({ status, phase, detail }: Health): Words {
  if (status === "unreachable") return strings.problems.unreachable;
  if (status === "draining") return strings.problems.modelDraining;
  const doing = strings.starting.detail(strings.phases[phase] ?? phase);
  return { title: strings.starting.title, detail: detail ? `${doing} ${sentence(detail)}` : doing };
}
