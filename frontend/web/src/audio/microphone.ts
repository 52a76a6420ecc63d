/** Asks the browser for the microphone. */

import { within } from "../common/timeout";
import { atEnd, stopTracks } from "./release";
import { STEP_MS } from "./steps";

const PERMISSION_MS = 2000;

/** The name of the error in a frame whose page does not pass the microphone on. Browsers have no name of their own. */
export const NOT_PASSED_ON = "NotPassedOnError";
/** The name of the error in a browser that has no microphones for pages, as inside some apps. */
export const UNSUPPORTED = "NotSupportedError";

/**
 * A stream of the device `id`, empty for the system's own. `over` stops it, also if the browser grants it later.
 *
 * @throws DOMException of getUserMedia; NotPassedOnError in a frame without `allow="microphone"`, where the browser tells;
 *   NotSupportedError in a browser without microphones; TimeoutError if the microphone is allowed and does not start;
 *   AbortError at the end of the call
 */
export async function requestMicrophone(id: string, over: AbortSignal): Promise<MediaStream> {
  if (!isPassedOn()) throw new DOMException("this frame may not use the microphone", NOT_PASSED_ON);
  if (!navigator.mediaDevices)
    throw new DOMException("the browser gives pages no microphone, or this page is not secure", UNSUPPORTED);
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

/** True also where the browser does not tell: the request then fails as if the person had refused it. */
function isPassedOn(): boolean {
  const { featurePolicy } = document as Document & { featurePolicy?: { allowsFeature(name: string): boolean } };
  return featurePolicy?.allowsFeature("microphone") ?? true;
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
