import { strings } from "../../strings";
import { Choice, Group, Switch } from "../fields";
import { shortcutsOn } from "../shortcuts";
import { type Theme, theme } from "../theme";
import * as styles from "./page-settings.module.css";

/** Colours and shortcuts. */
export function PageSettings() {
  return (
    <Group title={strings.page}>
      <Choice
        label={strings.theme}
        value={theme.value}
        options={Object.entries(strings.themes)}
        onChange={(value) => {
          theme.value = value as Theme;
        }}
      />
      <Switch
        label={strings.shortcutsLabel}
        on={shortcutsOn.value}
        onChange={(on) => {
          shortcutsOn.value = on;
        }}
      />
      <dl class={styles.keys}>
        {strings.shortcuts.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Group>
  );
}
