/** Whether this device has a network. */

import { signal } from "@preact/signals";

/** False only where the browser is sure of it. */
export const online = signal(true);

/** Follows the browser's word from now on. */
export function watchNetwork(): void {
  const look = (): void => {
    online.value = navigator.onLine;
  };
  addEventListener("online", look);
  addEventListener("offline", look);
  look();
}
