import { connect, disconnect, hold, resume, retryNow, toggleMute } from "../controller";
import { isOver, isUnderWay } from "../conversation";
import { pushToTalk } from "../preferences";
import { settingsOpen, state } from "../store";
import { strings } from "../strings";
import { askToNotify, notifications } from "../turn";
import { HangUp, Microphone } from "./icons";

/** What can be pressed now. One button begins and leaves, so that it keeps the keyboard's focus. */
export function Controls() {
  const now = state.value;
  const underWay = isUnderWay(now);
  const live = now.name === "live";
  const begin = now.name === "ended" || now.name === "failed" ? strings.connectAgain : strings.connect;
  const leave = live ? strings.disconnect : strings.cancel;
  if (now.name === "insecure") return null;
  return (
    <div class="controls">
      {live && now.interrupted && (
        <button key="resume" type="button" class="primary" onClick={resume}>
          {strings.resume}
        </button>
      )}
      {live && !now.interrupted && (pushToTalk.value ? <HoldToTalk muted={now.muted} /> : <Mute muted={now.muted} />)}
      {(now.name === "busy" || now.name === "reconnecting") && (
        <button key="retry" type="button" class="primary" onClick={retryNow}>
          {strings.tryNow}
        </button>
      )}
      {now.name === "failed" && now.fix === "settings" && (
        <button
          key="fix"
          type="button"
          onClick={() => {
            settingsOpen.value = true;
          }}
        >
          {strings.openSettings}
        </button>
      )}
      {now.name === "queued" && notifications.value === "default" && (
        <button key="notify" type="button" onClick={() => void askToNotify()}>
          {strings.queued.notify}
        </button>
      )}
      <button
        key="call"
        type="button"
        class={live ? "danger" : underWay ? "" : "primary"}
        disabled={!underWay && !isOver(now)}
        onClick={underWay ? disconnect : () => void connect()}
      >
        {live && <HangUp />}
        {underWay ? leave : begin}
      </button>
    </div>
  );
}

function Mute({ muted }: { muted: boolean }) {
  return (
    <button key="mute" type="button" class={muted ? "muted" : ""} aria-keyshortcuts="m" onClick={toggleMute}>
      <Microphone off={muted} />
      {muted ? strings.unmute : strings.mute}
    </button>
  );
}

/** Pressed as long as it is held: by a pointer, or by the space or enter key when it has the focus. */
function HoldToTalk({ muted }: { muted: boolean }) {
  const isKey = (event: KeyboardEvent) => event.key === " " || event.key === "Enter";
  return (
    <button
      key="hold"
      type="button"
      class={`hold ${muted ? "" : "held"}`}
      aria-pressed={!muted}
      aria-keyshortcuts="Space"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        hold(true);
      }}
      onPointerUp={() => hold(false)}
      onPointerCancel={() => hold(false)}
      onContextMenu={(event) => event.preventDefault()}
      onKeyDown={(event) => isKey(event) && !event.repeat && hold(true)}
      onKeyUp={(event) => isKey(event) && hold(false)}
      onBlur={() => hold(false)}
    >
      <Microphone off={muted} />
      {muted ? strings.holdToTalk : strings.holding}
    </button>
  );
}
