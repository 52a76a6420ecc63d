import { deviceProblem, noMicrophone } from "../conversation/devices";
import { deviceReason, noMicrophoneReason } from "../conversation/reasons";
import { state } from "../conversation/state";
import { strings } from "../strings";
import { Remaining } from "./clocks";
import { hint, type Hint as Kind } from "./hints";
import { openSettings } from "./settings/settings-dialog";

/** It has its place whether there is a hint or not, so that nothing moves when one comes or goes. */
export function Hint() {
  const kind = hint.value;
  return (
    <div class="hint-place" data-testid="hint">
      {kind && <Note kind={kind} />}
    </div>
  );
}

function Note({ kind }: { kind: Kind }) {
  const now = state.value;
  const { problems } = strings;
  switch (kind) {
    case "warning":
      if (now.name !== "live" || !now.warning) return null;
      return (
        <p class="note" data-testid="warning">
          {/* The alert is the words alone: what counts down in it would be read out every second. */}
          <span role="alert">{problems.warnings[now.warning.why]}</span> <Remaining until={now.warning.until} />
        </p>
      );
    case "noMicrophone":
    case "noSound":
      return (
        <p class="note">
          <span role="alert">{noMicrophone.value ? noMicrophoneReason(noMicrophone.value) : problems.noSoundHint}</span>
          <button type="button" onClick={openSettings}>
            {strings.chooseMicrophone}
          </button>
        </p>
      );
    case "server":
    case "network":
      return (
        <p class="note">
          <span role="alert">{problems.brokenSound[kind]}</span>
        </p>
      );
    case "device":
      return (
        deviceProblem.value && (
          <p class="note">
            <span role="alert">{deviceReason(deviceProblem.value)}</span>
          </p>
        )
      );
    case "newConversation":
      return <p class="note">{strings.newConversation}</p>;
    case "headphones":
      return <p class="note">{strings.headphones}</p>;
    case "demo":
      return <p class="note">{strings.demo}</p>;
  }
}
