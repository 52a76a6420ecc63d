/** Icons in the text's colour. Words beside them carry the meaning. */

import type { ComponentChildren } from "preact";
import * as styles from "./icons.module.css";

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class={styles.icon} viewBox="0 0 24 24" aria-hidden="true">
      {children}
    </svg>
  );
}

export function Microphone({ off = false }: { off?: boolean }) {
  return (
    <Icon>
      <rect x="9" y="3" width="6" height="11" rx="3" />
      <path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3" />
      {off && <path d="M4 4l16 16" />}
    </Icon>
  );
}

export function Voice() {
  return (
    <Icon>
      <path d="M4 10v4M8 6.5v11M12 3.5v17M16 7.5v9M20 10v4" />
    </Icon>
  );
}

export function HangUp() {
  return (
    <Icon>
      <path d="M3.5 14.5c4.7-4.7 12.3-4.7 17 0l-2.2 2.4-3.6-1.6.1-2.4a9 9 0 0 0-5.6 0l.1 2.4-3.6 1.6z" />
    </Icon>
  );
}

export function Gear() {
  return (
    <Icon>
      <path d="M4 7h9M19 7h1M4 17h1M11 17h9" />
      <circle cx="16" cy="7" r="2.6" />
      <circle cx="8" cy="17" r="2.6" />
    </Icon>
  );
}

export function Download() {
  return (
    <Icon>
      <path d="M12 4v11M7.5 11l4.5 4.5L16.5 11M5 20h14" />
    </Icon>
  );
}
