import { useRef, useState } from "preact/hooks";
import { beginCheck, check, endCheck } from "../conversation/check";
import { connect, disconnect, hold, resume, retryNow, toggleMute } from "../conversation/controller";
import { isUnderWay } from "../conversation/machine";
import { pushToTalk } from "../conversation/preferences";
import { state } from "../conversation/state";
import { strings } from "../strings";
import { Changing } from "./changing";
import * as styles from "./controls.module.css";
import { useSafeFocus } from "./focus";
import { HangUp, Microphone } from "./icons";
import { openSettings } from "./settings/settings-dialog";
import { shortcutsOn } from "./shortcuts";
import { askToNotify, notifications } from "./turn";

/**
 * The buttons of the conversation. Each keeps its identity, so that none inherits another's focus: a key that begins a
 * conversation cannot end it.
 */
export function Controls() {
  const group = useRef<HTMLDivElement>(null);
  const [left, setLeft] = useState(false);
  const now = state.value;
  const underWay = isUnderWay(now);
  const live = now.name === "live";
  const holds = live && !now.interrupted && pushToTalk.value;
  useSafeFocus(group, holds ? "hold" : left && !underWay ? "connect" : null);
  if (now.name === "insecure") return null;
  const fix = now.name === "failed" && now.fix === "settings";
  const testing = check.value.name === "opening" || check.value.name === "listening";
  const again = now.name === "ended" || now.name === "failed";
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields
    <div ref={group} class={styles.controls} role="group" aria-label={strings.controls} tabIndex={-1}>
      {live && now.interrupted && (
        <button key="resume" type="button" class={styles.primary} onClick={resume}>
          {strings.resume}
        </button>
      )}
      {holds && <HoldToTalk muted={now.muted} />}
      {live && !now.interrupted && !holds && <Mute muted={now.muted} />}
      {(now.name === "busy" || now.name === "reconnecting") && (
        <button key="retry" type="button" class={styles.primary} onClick={retryNow}>
          {strings.tryNow}
        </button>
      )}
      {fix && (
        <button key="fix" type="button" onClick={openSettings}>
          {strings.openSettings}
        </button>
      )}
      {now.name === "queued" && notifications.value === "default" && (
        <button key="notify" type="button" onClick={() => void askToNotify()}>
          {strings.queued.notify}
        </button>
      )}
      {underWay ? (
        <button
          key="leave"
          type="button"
          class={live ? styles.danger : ""}
          onClick={once(() => {
            setLeft(true);
            disconnect();
          })}
        >
          {live && <HangUp />}
          <Changing>{live ? strings.disconnect : strings.cancel}</Changing>
        </button>
      ) : (
        <button
          key="connect"
          data-control="connect"
          type="button"
          class={styles.primary}
          onClick={once(() => {
            setLeft(false);
            void connect();
          })}
        >
          <Changing>{again ? strings.connectAgain : strings.connect}</Changing>
        </button>
      )}
      {!underWay && !fix && (
        <button
          key="test"
          type="button"
          class={styles.aside}
          onClick={once(testing ? endCheck : () => void beginCheck())}
        >
          <Microphone />
          <Changing>{testing ? strings.endTest : strings.test}</Changing>
        </button>
      )}
    </div>
  );
}

/** A button's opposite stands in its place: the second click of a double click belongs to the first one's button. */
function once(press: () => void): (event: MouseEvent) => void {
  return ({ detail }) => {
    if (detail < 2) press();
  };
}

function Mute({ muted }: { muted: boolean }) {
  return (
    <button
      key="mute"
      type="button"
      class={muted ? styles.muted : ""}
      aria-keyshortcuts={shortcutsOn.value ? "m" : undefined}
      onClick={toggleMute}
    >
      <Microphone off={muted} />
      <Changing>{muted ? strings.unmute : strings.mute}</Changing>
    </button>
  );
}

/** Pressed as long as it is held: by a pointer, or by the space or enter key when it has the focus. */
function HoldToTalk({ muted }: { muted: boolean }) {
  const isKey = (event: KeyboardEvent) => event.key === " " || event.key === "Enter";
  return (
    <button
      key="hold"
      data-control="hold"
      type="button"
      class={`${styles.hold} ${muted ? "" : styles.held}`}
      aria-pressed={!muted}
      aria-keyshortcuts={shortcutsOn.value ? "Space" : undefined}
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
      <Changing>{muted ? strings.holdToTalk : strings.holding}</Changing>
    </button>
  );
}
