/** Waits for a promise that the browser may never settle. */

/**
 * Settles as `work` does, or rejects after `ms`. `ms` is null where a person has to answer first.
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

function deferred<T>(): { promise: Promise<T>; reject: (reason: unknown) => void } {
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<T>((_resolve, refuse) => {
    reject = refuse;
  });
  return { promise, reject };
}
