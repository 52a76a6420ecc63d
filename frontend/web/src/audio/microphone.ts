/** Asks the browser for the microphone. */

import { within } from "../common/timeout";
import { atEnd, stopTracks } from "./release";
import { STEP_MS } from "./steps";

const PERMISSION_MS = 2000;

/**
 * A stream of the device `id`, empty for the system's own. `over` stops it, also if the browser grants it later.
 *
 * @throws DOMException of getUserMedia; TimeoutError if the microphone is allowed and does not start; AbortError at the
 *   end of the call
 */
export async function requestMicrophone(id: string, over: AbortSignal): Promise<MediaStream> {
  const request = new AbortController();
  atEnd(over, () => request.abort());
  const asked = navigator.mediaDevices.getUserMedia({ audio: constraints(id) });
  asked.then(
    (stream) => atEnd(request.signal, () => stopTracks(stream)),
    () => undefined,
  );
  // A person may take any time to answer the browser's question. A device may not.
  const allowed = whenAllowed(request.signal).then(() => within(STEP_MS.microphone, asked, request.signal));
  try {
    return await Promise.race([within(null, asked, request.signal), allowed]);
  } catch (error) {
    request.abort();
    throw error;
  }
}

function constraints(id: string): MediaTrackConstraints {
  const wanted: MediaTrackConstraints = {
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
    channelCount: 1,
  };
  return id ? { ...wanted, deviceId: { exact: id } } : wanted;
}

/** Resolves when the browser no longer asks the person. Never resolves where the browser does not tell. */
async function whenAllowed(over: AbortSignal): Promise<void> {
  try {
    const asking = navigator.permissions.query({ name: "microphone" });
    const status = await within(PERMISSION_MS, asking, over);
    if (status.state === "granted") return;
    await new Promise<void>((resolve) => {
      status.addEventListener("change", () => status.state === "granted" && resolve(), { signal: over });
    });
  } catch {
    await new Promise<never>(() => undefined);
  }
}
