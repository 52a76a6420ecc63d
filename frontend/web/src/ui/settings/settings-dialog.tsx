import { signal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { strings } from "../../strings";
import { ModelSettings } from "./model-settings";
import { PageSettings } from "./page-settings";
import * as styles from "./settings-dialog.module.css";
import { SoundSettings } from "./sound-settings";

const settingsOpen = signal(false);

/** Opens the dialog. */
export function openSettings(): void {
  settingsOpen.value = true;
}

/** The dialog of all settings. */
export function SettingsDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  useSignalEffect(() => {
    if (settingsOpen.value) dialog.current?.showModal();
    else dialog.current?.close();
  });
  const close = () => {
    settingsOpen.value = false;
  };
  return (
    // A click on the backdrop is a click on the dialog itself; Escape does the same for a keyboard.
    // biome-ignore lint/a11y/useKeyWithClickEvents: see above
    <dialog
      ref={dialog}
      class={styles.dialog}
      aria-labelledby="settings-title"
      onClose={close}
      onClick={(event) => event.target === event.currentTarget && close()}
    >
      {settingsOpen.value && (
        <>
          <div class={styles.bar}>
            <h2 id="settings-title">{strings.settings}</h2>
            <button type="button" onClick={close}>
              {strings.close}
            </button>
          </div>
          <div class={styles.sheet} data-testid="settings">
            <SoundSettings />
            <PageSettings />
            <ModelSettings />
          </div>
        </>
      )}
    </dialog>
  );
}
