import { useState } from "preact/hooks";
import { chosen } from "../../conversation/preferences";
import { config } from "../../service/availability";
import { isNumber, parse, shown } from "../../service/settings";
import type { NumberSetting, Setting } from "../../service/types";
import { strings } from "../../strings";
import { Choice, FieldGrid, NumberField } from "../fields";
import { hint } from "../text.module.css";
import * as styles from "./model-settings.module.css";

/** The settings of the model that the service offers. Few people need them; they are open where one was changed. */
export function ModelSettings() {
  const [resets, setResets] = useState(0);
  const [open] = useState(Object.keys(chosen.value).length > 0);
  const offered = shown(config.value?.moshi.info?.settings ?? {});
  if (offered.length === 0) return null;
  return (
    <details class={styles.advanced} open={open}>
      <summary>{strings.advanced}</summary>
      <div>
        <p class={hint}>{strings.advancedHint}</p>
        {/* A reset makes new fields, so wrong input goes too. */}
        <FieldGrid key={resets}>
          {offered.map(([name, setting]) => (
            <ModelSetting key={name} name={name} setting={setting} />
          ))}
        </FieldGrid>
        <button
          type="button"
          disabled={Object.keys(chosen.value).length === 0}
          onClick={() => {
            chosen.value = {};
            setResets(resets + 1);
          }}
        >
          {strings.resetModel}
        </button>
      </div>
    </details>
  );
}

function ModelSetting({ name, setting }: { name: string; setting: Setting }) {
  const label = strings.settingNames[name] ?? name;
  if (isNumber(setting)) return <NumberSettingField name={name} label={label} setting={setting} />;
  const options = setting.enum.map((option) => [option, option] as const);
  const usual = setting.default ?? "";
  return (
    <Choice
      label={label}
      value={String(chosen.value[name] ?? usual)}
      options={setting.default === null ? [["", strings.settingAny], ...options] : options}
      onChange={(value) => choose(name, value === usual ? null : value)}
    />
  );
}

function NumberSettingField({ name, label, setting }: { name: string; label: string; setting: NumberSetting }) {
  const [text, setText] = useState(String(chosen.value[name] ?? ""));
  const [least, most] = [shortNumber(setting.minimum), shortNumber(setting.maximum)];
  const whole = setting.type === "integer";
  const usual = setting.default === null ? strings.settingAny : strings.settingDefault(String(setting.default));
  const wrong = text.trim() !== "" && parse(setting, text) === null;
  return (
    <NumberField
      label={label}
      hint={strings.settingRange(least, most)}
      error={wrong ? strings.problems.settingWrong(least, most, whole) : null}
      whole={whole}
      value={text}
      placeholder={usual}
      onInput={(typed) => {
        setText(typed);
        choose(name, parse(setting, typed));
      }}
    />
  );
}

/** null: the service's default. */
function choose(name: string, value: number | string | null): void {
  const { [name]: _before, ...others } = chosen.value;
  chosen.value = value === null || value === "" ? others : { ...others, [name]: value };
}

function shortNumber(value: number): string {
  // The service's own number is a power of two less one, which JavaScript has rounded.
  return Number.isSafeInteger(value) || !Number.isInteger(value)
    ? value.toLocaleString("en")
    : `2^${Math.log2(value)} − 1`;
}
