/** Waiting for a browser that may refuse, or never answer at all; and letting go of everything when a call ends. */

/** What the browser has to do before a call is there. */
export type Step = "microphone" | "speaker" | "code" | "worker" | "codec";

/** A step failed, or took longer than it may. */
export class StepFailed extends Error {
  override readonly name = "StepFailed";

  constructor(
    readonly step: Step,
    options?: ErrorOptions,
  ) {
    super(`the browser failed at the step "${step}"`, options);
  }
}

/** How long each step may take, in ms. Far more than it needs on a slow machine, or over a slow network for code. */
export const PATIENCE_MS: Readonly<Record<Step, number>> = {
  microphone: 30_000, // once it is allowed; the system may ask a question of its own
  speaker: 10_000,
  code: 20_000,
  worker: 20_000,
  codec: 20_000,
};

/**
 * The value of a step's promise.
 *
 * @throws StepFailed if the promise is rejected, or is not settled in time
 * @throws AbortError if `signal` is aborted before: the promise is left to itself
 */
export function step<T>(name: Step, work: Promise<T>, signal: AbortSignal): Promise<T> {
  return within(PATIENCE_MS[name], work, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new StepFailed(name, { cause: error });
  });
}

/**
 * The value of a promise that is settled in time. `ms`: null for a promise that waits for a person.
 *
 * @throws TimeoutError after `ms`, or AbortError if `signal` is aborted before
 */
export async function within<T>(ms: number | null, work: Promise<T>, signal?: AbortSignal): Promise<T> {
  const { promise, reject } = deferred<never>();
  const late = (): void => reject(new DOMException(`no answer within ${ms} ms`, "TimeoutError"));
  const timer = ms === null ? undefined : setTimeout(late, ms);
  const leave = (): void => reject(signal?.reason);
  if (signal?.aborted) leave();
  signal?.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([promise, work]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", leave);
  }
}

/** Runs `release` when the call ends, or at once if it is over: what the browser grants late is let go of too. */
export function atEnd(call: AbortSignal, release: () => void): void {
  if (call.aborted) release();
  else call.addEventListener("abort", release, { once: true });
}

export function stopTracks(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

function deferred<T>(): { promise: Promise<T>; reject: (reason: unknown) => void } {
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<T>((_resolve, refuse) => {
    reject = refuse;
  });
  return { promise, reject };
}
