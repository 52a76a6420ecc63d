/** A state in words: its name, and the reason or the next step. No countdowns: screen readers would never end. */

import type { Place, State } from "../conversation/machine";
import { modelReason, sentence } from "../conversation/reasons";
import type { Service } from "../service/availability";
import { publicName } from "../service/public-name";
import type { Health } from "../service/types";
import { type Problem, strings } from "../strings";

/** A heading and a sentence; for a problem also its code in the documentation. */
export interface Words {
  title: string;
  detail: string;
  code?: string | null;
}

/** The length of a wait in words, no more exact than it is known; empty if nothing is known. */
export function waitWords({ waitSeconds, longestSeconds }: Place): string {
  const { roughly, queued } = strings;
  const most = longestSeconds === null ? null : roughly(longestSeconds);
  if (waitSeconds === null) return most === null ? "" : queued.bound(most);
  const usual = roughly(waitSeconds);
  return most === null || most === usual ? queued.estimate(usual) : queued.both(usual, most);
}

/** With `pushToTalk`, being muted is normal and not worth a warning. */
export function words(state: State, pushToTalk: boolean, service: Service = { name: "ready" }): Words {
  switch (state.name) {
    case "idle":
      return idleWords(service);
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
    case "prefill":
      return strings.prefill;
    case "live":
      if (state.interrupted) return strings.problems.interrupted;
      if (pushToTalk) return strings.pushToTalk;
      return state.muted ? strings.muted : strings.live;
    case "busy":
      return { ...strings.problems.busy, ...reasonWords(state.reason) };
    case "reconnecting":
      return {
        ...strings.problems.reconnecting,
        ...reasonWords(state.reason, ` ${strings.problems.reconnecting.detail}`),
      };
    case "ended":
      return { title: strings.ended.title(strings.duration(state.seconds)), ...reasonWords(state.reason) };
    case "failed":
      return { title: strings.failed.title, ...reasonWords(state.reason) };
  }
}

function reasonWords({ code, text }: Problem, more = ""): Pick<Words, "detail" | "code"> {
  return { detail: `${text}${more}`, code };
}

/** Without a conversation: the state of the service. */
function idleWords(service: Service): Words {
  switch (service.name) {
    case "unknown":
      return strings.looking;
    case "ready":
      return strings.idle;
    case "full":
      return strings.idleFull;
    case "notReady":
      return startingWords(service.health);
    case "gone":
      return strings.problems.serviceGone;
  }
}

function startingWords(health: Health): Words {
  const { status, phase, error } = health;
  const detail = publicName(health.detail);
  if (status === "unreachable")
    return { ...strings.problems.unreachable, code: error ?? strings.problems.unreachable.code };
  if (status === "draining") return strings.problems.modelDraining;
  if (status === "failed") {
    return { title: strings.problems.modelDown.title, ...reasonWords(modelReason({ ...health, detail })) };
  }
  const doing = strings.starting.detail(strings.phases[phase] ?? phase);
  return { title: strings.starting.title, detail: detail ? `${doing} ${sentence(detail)}` : doing };
}
