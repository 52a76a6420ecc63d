import type { ComponentChildren } from "preact";
import { card } from "./card.module.css";
import * as styles from "./fold.module.css";

/** A card that shows only its title until a person opens it. */
export function Fold(props: { title: string; beside?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class={card} aria-label={props.title}>
      <details class={styles.fold}>
        <summary>
          {props.title}
          {props.beside}
        </summary>
        {props.children}
      </details>
    </section>
  );
}
