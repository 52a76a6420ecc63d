import { check } from "../conversation/check";
import { deviceProblem, noMicrophone } from "../conversation/devices";
import { deviceReason, noMicrophoneReason } from "../conversation/reasons";
import { state } from "../conversation/state";
import { strings } from "../strings";
import { Remaining } from "./clocks";
import { Alert } from "./code";
import * as styles from "./hint.module.css";
import { hint, type Hint as Kind } from "./hints";
import { Note } from "./note";
import { openSettings } from "./settings/settings-dialog";

/** Its place is there with and without a hint, so that nothing moves when one comes or goes. */
export function Hint() {
  const kind = hint.value;
  return (
    <div class={styles.place} data-testid="hint">
      {kind && <Message key={kind} kind={kind} />}
    </div>
  );
}

function Message({ kind }: { kind: Kind }) {
  const now = state.value;
  const { problems } = strings;
  switch (kind) {
    case "offline":
      return (
        <Note>
          <Alert problem={problems.offline} />
        </Note>
      );
    case "warning":
      if (now.name !== "live" || !now.warning) return null;
      return (
        <Note data-testid="warning">
          {/* The alert holds no countdown: screen readers would read it out every second. */}
          <Alert problem={problems.warnings[now.warning.why]}>
            <Remaining until={now.warning.until} />
          </Alert>
        </Note>
      );
    case "noMicrophone":
    case "noSound":
      return (
        <Note>
          <Alert problem={noMicrophone.value ? noMicrophoneReason(noMicrophone.value) : problems.noSoundHint} />
          <button type="button" onClick={openSettings}>
            {strings.chooseMicrophone}
          </button>
        </Note>
      );
    case "check":
      return (
        check.value.name === "failed" && (
          <Note>
            <Alert problem={check.value.reason} />
            <button type="button" onClick={openSettings}>
              {strings.chooseMicrophone}
            </button>
          </Note>
        )
      );
    case "server":
    case "network":
      return (
        <Note>
          <Alert problem={problems.brokenSound[kind]} />
        </Note>
      );
    case "device":
      return (
        deviceProblem.value && (
          <Note>
            <Alert problem={deviceReason(deviceProblem.value)} />
          </Note>
        )
      );
    case "newConversation":
      return <Note>{strings.newConversation}</Note>;
    case "headphones":
      return <Note>{strings.headphones}</Note>;
    case "demo":
      return <Note>{strings.demo}</Note>;
  }
}
