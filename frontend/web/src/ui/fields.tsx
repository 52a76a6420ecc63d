/** Form fields of the settings, each with its label, hint and error. */

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import type { Problem } from "../strings";
import { Changing } from "./changing";
import { ProblemText } from "./code";
import * as styles from "./fields.module.css";
import * as text from "./text.module.css";

/** A titled group of fields. */
export function Group({ title, hint, children }: { title: string; hint?: string; children: ComponentChildren }) {
  return (
    <fieldset class={styles.group}>
      <legend>{title}</legend>
      {hint && <p class={text.hint}>{hint}</p>}
      {children}
    </fieldset>
  );
}

/** Fields in as many columns as there is room for. */
export function FieldGrid({ children }: { children: ComponentChildren }) {
  return <div class={styles.fields}>{children}</div>;
}

/** A list to choose from. */
export function Choice(props: {
  label: string;
  hint?: string | null;
  value: string;
  options: readonly (readonly [value: string, name: string])[];
  onChange(value: string): void;
}) {
  const id = useId();
  return (
    <div class={styles.field}>
      <label for={id}>{props.label}</label>
      <select
        id={id}
        value={props.value}
        aria-describedby={props.hint ? `${id}-hint` : undefined}
        onChange={(event) => props.onChange(event.currentTarget.value)}
      >
        {props.options.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
      {props.hint && (
        <p id={`${id}-hint`} class={text.hint}>
          <Changing>{props.hint}</Changing>
        </p>
      )}
    </div>
  );
}

/** On or off. */
export function Switch(props: { label: string; hint?: string; on: boolean; onChange(on: boolean): void }) {
  const id = useId();
  return (
    <div class={`${styles.field} ${styles.toggle}`}>
      <input
        id={id}
        type="checkbox"
        // biome-ignore lint/a11y/useAriaPropsForRole: a checkbox tells by itself whether it is checked
        role="switch"
        checked={props.on}
        aria-describedby={props.hint ? `${id}-hint` : undefined}
        onChange={(event) => props.onChange(event.currentTarget.checked)}
      />
      <label for={id}>{props.label}</label>
      {props.hint && (
        <p id={`${id}-hint`} class={text.hint}>
          <Changing>{props.hint}</Changing>
        </p>
      )}
    </div>
  );
}

/** A text of several lines, up to `longest` characters. */
export function LongText(props: {
  label: string;
  hint: string;
  longest: number;
  value: string;
  placeholder: string;
  onInput(text: string): void;
}) {
  const id = useId();
  return (
    <div class={`${styles.field} ${styles.wide}`}>
      <label for={id}>{props.label}</label>
      <textarea
        id={id}
        rows={3}
        maxLength={props.longest}
        value={props.value}
        placeholder={props.placeholder}
        aria-describedby={`${id}-hint`}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
      <p id={`${id}-hint`} class={text.hint}>
        <Changing>{props.hint}</Changing>
      </p>
    </div>
  );
}

/** A number as text. `error` replaces the hint. */
export function NumberField(props: {
  label: string;
  hint: string;
  error: Problem | null;
  whole: boolean;
  value: string;
  placeholder: string;
  onInput(text: string): void;
}) {
  const id = useId();
  return (
    <div class={styles.field}>
      <label for={id}>{props.label}</label>
      <input
        id={id}
        type="text"
        autocomplete="off"
        inputMode={props.whole ? "numeric" : "decimal"}
        value={props.value}
        placeholder={props.placeholder}
        aria-invalid={props.error !== null}
        aria-describedby={`${id}-hint`}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
      <p id={`${id}-hint`} class={props.error ? `${text.error} ${styles.small}` : text.hint}>
        {props.error ? <ProblemText problem={props.error} /> : <Changing>{props.hint}</Changing>}
      </p>
    </div>
  );
}
