import { deviceProblem, noMicrophone } from "../conversation/devices";
import { deviceReason, noMicrophoneReason } from "../conversation/reasons";
import { state } from "../conversation/state";
import { strings } from "../strings";
import { Remaining } from "./clocks";
import * as styles from "./hint.module.css";
import { hint, type Hint as Kind } from "./hints";
import { Note } from "./note";
import { openSettings } from "./settings/settings-dialog";

/** Its place is there with and without a hint, so that nothing moves when one comes or goes. */
export function Hint() {
  const kind = hint.value;
  return (
    <div class={styles.place} data-testid="hint">
      {kind && <Message kind={kind} />}
    </div>
  );
}

function Message({ kind }: { kind: Kind }) {
  const now = state.value;
  const { problems } = strings;
  switch (kind) {
    case "warning":
      if (now.name !== "live" || !now.warning) return null;
      return (
        <Note data-testid="warning">
          {/* The alert holds no countdown: screen readers would read it out every second. */}
          <span role="alert">{problems.warnings[now.warning.why]}</span> <Remaining until={now.warning.until} />
        </Note>
      );
    case "noMicrophone":
    case "noSound":
      return (
        <Note>
          <span role="alert">{noMicrophone.value ? noMicrophoneReason(noMicrophone.value) : problems.noSoundHint}</span>
          <button type="button" onClick={openSettings}>
            {strings.chooseMicrophone}
          </button>
        </Note>
      );
    case "server":
    case "network":
      return (
        <Note>
          <span role="alert">{problems.brokenSound[kind]}</span>
        </Note>
      );
    case "device":
      return (
        deviceProblem.value && (
          <Note>
            <span role="alert">{deviceReason(deviceProblem.value)}</span>
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
