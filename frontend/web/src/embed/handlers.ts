/** From the events of a call to the handlers of another site. */

import type { CallEvents } from "../audio/call";
import { BROWSER_FAILED, closing } from "../audio/protocol/closing";
import type { EndEvent, ServerEvent } from "../audio/protocol/generated";

/** The end of a conversation. */
export interface End {
  /** A close code of the protocol, `LOST` or `BROWSER_FAILED`. After `hangUp` it is `CloseCode.Finished`. */
  readonly code: number;
  readonly reason: string;
  /** The code of the reason in the service's documentation; null where it has none. */
  readonly error: string | null;
  /** Seconds after which to try again; null where the service does not say. */
  readonly retryAfter: number | null;
}

/** Handlers for the events of a conversation. Nothing comes after `onEnd`. */
export interface Handlers {
  /** From now on Moshi listens. This may come after a wait. */
  onLive?(): void;
  /** The place in the queue; 1 is next. The estimate is null until the service knows one. */
  onQueue?(position: number, waitSeconds: number | null): void;
  /** A piece of Moshi's words, with its own spaces. */
  onCaption?(piece: string): void;
  /** About 20 times a second: root mean squares 0..1 of the microphone, muted or not, and of Moshi. */
  onLevels?(microphone: number, moshi: number): void;
  /** Every event of the protocol. */
  onEvent?(event: ServerEvent): void;
  /** The system has taken the sound away, for example for a telephone call, or given it back: see `resume`. */
  onInterruption?(interrupted: boolean): void;
  /** The microphone is unplugged. Moshi hears silence until `chooseMicrophone`. */
  onMicrophoneLost?(): void;
  onEnd?(end: End): void;
}

/** The events of one call. */
export function callEvents(handlers: Handlers): CallEvents {
  let said: EndEvent | null = null; // it has more than the close frame, which may be lost
  let complaint = "";
  return {
    onLive: () => handlers.onLive?.(),
    onText: (piece) => handlers.onCaption?.(piece),
    onServerEvent: (event) => {
      if (event.type === "end") said = event;
      if (event.type === "queue") handlers.onQueue?.(event.position, event.wait_seconds);
      handlers.onEvent?.(event);
    },
    onServerError: (text) => {
      complaint = text;
    },
    onClose: (code, text) => {
      const { reason, retryAfter } = closing(code, text);
      handlers.onEnd?.({
        code: said?.code ?? code,
        reason: said?.reason ?? (reason || complaint),
        error: said?.error ?? null,
        retryAfter: said?.retry_after ?? retryAfter,
      });
    },
    onFailed: (step) =>
      handlers.onEnd?.({
        code: BROWSER_FAILED,
        reason: `the browser failed at the step "${step}"`,
        error: null,
        retryAfter: null,
      }),
    onInterruption: (interrupted) => handlers.onInterruption?.(interrupted),
    onMicrophoneLost: () => handlers.onMicrophoneLost?.(),
    onLevels: (microphone, moshi) => handlers.onLevels?.(microphone, moshi),
  };
}
