/** The steps that lead to a call. The browser may refuse each of them, or never finish it. */

import { within } from "../common/timeout";

/** `code` are the worklets. The others are named after the thing that starts. */
export type Step = "microphone" | "speaker" | "code" | "worker" | "codec";

/** A step failed, or took longer than its limit. */
export class StepFailed extends Error {
  override readonly name = "StepFailed";

  constructor(
    readonly step: Step,
    options?: ErrorOptions,
  ) {
    super(`the browser failed at the step "${step}"`, options);
  }
}

/** The limit of each step in ms: far more than a slow machine needs, or a slow network for the code. */
export const STEP_MS: Readonly<Record<Step, number>> = {
  microphone: 30_000, // from the permission on; the system may ask a question of its own
  speaker: 10_000,
  code: 20_000,
  worker: 20_000,
  codec: 20_000,
};

/**
 * Waits for the promise of one step.
 *
 * @throws StepFailed if the promise is rejected, or is not settled in time
 * @throws AbortError if `signal` is aborted before; nobody waits for the promise then
 */
export function step<T>(name: Step, work: Promise<T>, signal: AbortSignal): Promise<T> {
  return within(STEP_MS[name], work, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new StepFailed(name, { cause: error });
  });
}
