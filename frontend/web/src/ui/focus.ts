/** Keeps the keyboard's focus when the focused control disappears. */

import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

/**
 * Keeps the focus inside `group` while its controls come and go. It never passes from one control to another by itself:
 * it goes to the group, from which the Tab key leads to its controls.
 *
 * @param wanted the control that takes a focus which nothing else has or which its group has; null for none. It gets
 *   the focus when it changes, once.
 */
export function useSafeFocus(group: RefObject<HTMLElement | null>, wanted: string | null): void {
  const within = group.current?.contains(document.activeElement) ?? false;
  const before = useRef<string | null>(null);
  useLayoutEffect(() => {
    const element = group.current;
    if (!element) return;
    if (within && !element.contains(document.activeElement)) element.focus({ preventScroll: true });
    if (wanted !== before.current && wanted && hasFocusToGive(element)) {
      element.querySelector<HTMLElement>(`[data-control="${wanted}"]`)?.focus({ preventScroll: true });
    }
    before.current = wanted;
  });
}

function hasFocusToGive(group: HTMLElement): boolean {
  const now = document.activeElement;
  return now === null || now === document.body || now === group;
}
