import type { ComponentChildren } from "preact";
import * as styles from "./beneath.module.css";

/** The next thing to do, beneath the state's words. */
export function Beneath({ children }: { children: ComponentChildren }) {
  return <div class={styles.beneath}>{children}</div>;
}

/** An address to open. `opensTab`: beside this page, which goes on. */
export function Address(props: { url: string; opensTab?: boolean; children: ComponentChildren }) {
  const tab = props.opensTab ? { target: "_blank", rel: "noreferrer" } : {};
  return (
    <a class={styles.address} href={props.url} {...tab}>
      {props.children}
    </a>
  );
}
