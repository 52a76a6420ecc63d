/** Releases the devices of a call when it ends. */

/** Runs `release` when the call ends, or at once if it is over: a device that is granted late is released too. */
export function atEnd(call: AbortSignal, release: () => void): void {
  if (call.aborted) release();
  else call.addEventListener("abort", release, { once: true });
}

/** Stops a microphone, which turns the browser's indicator off. */
export function stopTracks(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
