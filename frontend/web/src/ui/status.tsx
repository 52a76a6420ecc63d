import { isUnderWay, type State } from "../conversation/machine";
import { pushToTalk } from "../conversation/preferences";
import { state } from "../conversation/state";
import { service } from "../service/availability";
import type { Health } from "../service/types";
import { strings } from "../strings";
import { Address, Beneath } from "./beneath";
import { Changing } from "./changing";
import { Elapsed, Remaining } from "./clocks";
import { Code } from "./code";
import { Secure } from "./secure";
import * as styles from "./status.module.css";
import { waitWords, words } from "./words";

/** The state in words. Times and progress stand beside them, so that a screen reader reads the words once. */
export function Status() {
  const now = state.value;
  const behind = service.value;
  const { title, detail, code } = words(now, pushToTalk.value, behind);
  return (
    <div
      class={styles.status}
      data-state={now.name}
      data-service={behind.name === "notReady" ? behind.health.status : behind.name}
      data-unheard={isUnderWay(now) && (now.muted || (now.name === "live" && now.interrupted))}
    >
      <div role="status" data-testid="state">
        <h2>
          <Changing>{title}</Changing>
        </h2>
        <p>
          <Changing>{detail}</Changing> <Code code={code} />
        </p>
      </div>
      <Beside now={now} />
    </div>
  );
}

function Beside({ now }: { now: State }) {
  switch (now.name) {
    case "live":
      return (
        <p class={`${styles.beside} ${styles.time}`}>
          <Elapsed since={now.since} />
        </p>
      );
    case "idle": {
      const behind = service.value;
      return behind.name === "notReady" ? <Starting health={behind.health} /> : null;
    }
    case "starting":
      return <Starting health={now.health} />;
    case "prefill":
      return (
        <p class={`${styles.beside} ${styles.progress}`}>
          <progress class={styles.bar} aria-label={strings.prefillProgress} value={now.done} max={now.total} />
          {now.seconds !== null && now.seconds >= 1 && <Changing>{strings.duration(Math.ceil(now.seconds))}</Changing>}
        </p>
      );
    case "queued": {
      const wait = waitWords(now);
      return wait ? (
        <p class={styles.beside}>
          <Changing>{wait}</Changing>
        </p>
      ) : null;
    }
    case "busy":
    case "reconnecting":
      return (
        <p class={styles.beside}>
          <Changing>{strings.attempt(now.attempt)}</Changing> <Remaining until={now.at} />
        </p>
      );
    case "insecure":
      return <Secure />;
    case "untrusted":
      return (
        <Beneath>
          <Address url={now.url} opensTab>
            {strings.untrustedLink}: {new URL(now.url).host}
          </Address>
          <span>{strings.untrustedSteps}</span>
        </Beneath>
      );
    default:
      return null;
  }
}

function Starting({ health: { status, progress } }: { health: Health }) {
  return status !== "starting" || progress === null ? null : (
    <p class={`${styles.beside} ${styles.progress}`}>
      <progress class={styles.bar} aria-label={strings.startingProgress} value={progress} max={1} />
      <Changing>{`${Math.round(progress * 100)} %`}</Changing>
    </p>
  );
}
