import { shortcuts, type Theme, theme } from "../../preferences";
import { strings } from "../../strings";
import { Choice, Group, Switch } from "../fields";

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
        on={shortcuts.value}
        onChange={(on) => {
          shortcuts.value = on;
        }}
      />
      <dl class="keys">
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
