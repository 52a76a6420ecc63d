import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { isUnderWay, type State } from "../conversation";
import { pushToTalk } from "../preferences";
import { state } from "../store";
import { strings } from "../strings";
import { clock } from "../transcript";
import { words } from "../words";
import { Secure } from "./secure";

/** What is going on, in words. What counts is beside them, so that a screen reader is told once. */
export function Status() {
  const now = state.value;
  const { title, detail } = words(now, pushToTalk.value);
  return (
    <div
      class="status"
      data-state={now.name}
      data-unheard={isUnderWay(now) && (now.muted || (now.name === "live" && now.interrupted))}
    >
      <div role="status" data-testid="state">
        <h2>{title}</h2>
        <p>{detail}</p>
      </div>
      <Beside now={now} />
      {isUnderWay(now) && now.lost && now.name === "live" && <p class="note">{strings.newConversation}</p>}
      {now.name === "live" && now.warning && (
        <p class="note" data-testid="warning">
          {/* The alert is the words alone: what counts down in it would be read out every second. */}
          <span role="alert">{strings.problems.warnings[now.warning.why]}</span> <Remaining until={now.warning.until} />
        </p>
      )}
    </div>
  );
}

function Beside({ now }: { now: State }) {
  switch (now.name) {
    case "live":
      return (
        <p class="beside time">
          <Elapsed since={now.since} />
        </p>
      );
    case "starting":
      return now.health.progress === null ? null : (
        <p class="beside progress">
          <progress aria-label={strings.startingProgress} value={now.health.progress} max={1} />
          <span>{Math.round(now.health.progress * 100)} %</span>
        </p>
      );
    case "preparing":
      return (
        <p class="beside progress">
          <progress aria-label={strings.preparingProgress} value={now.done} max={now.total} />
          {now.seconds !== null && now.seconds >= 1 && <span>{strings.duration(Math.ceil(now.seconds))}</span>}
        </p>
      );
    case "queued":
      return now.waitSeconds === null ? null : (
        <p class="beside">{strings.queued.estimate(strings.duration(now.waitSeconds))}</p>
      );
    case "busy":
    case "reconnecting":
      return (
        <p class="beside">
          {strings.attempt(now.attempt)} <Remaining until={now.at} />
        </p>
      );
    case "insecure":
      return <Secure />;
    case "untrusted":
      return (
        <Beneath>
          <a class="address" href={now.url} target="_blank" rel="noreferrer">
            {strings.untrustedLink}: {new URL(now.url).host}
          </a>
          <span>{strings.untrustedSteps}</span>
        </Beneath>
      );
    default:
      return null;
  }
}

function Beneath({ children }: { children: ComponentChildren }) {
  return <p class="beneath">{children}</p>;
}

function Elapsed({ since }: { since: number }) {
  return <span role="timer">{clock(Math.max(0, useNow() - since))}</span>;
}

function Remaining({ until }: { until: number }) {
  const seconds = Math.max(0, Math.ceil((until - useNow()) / 1000));
  return <span role="timer">{strings.inTime(strings.duration(seconds))}</span>;
}

/** Milliseconds since the epoch, every second or so. */
function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  return now;
}
