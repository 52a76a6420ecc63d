/** The sound output of a call. Chromium moves the whole AudioContext to a device, Firefox only an <audio> element. */

import { within } from "../common/timeout";
import { SAMPLE_RATE } from "./codec/format";
import { atEnd } from "./release";
import { StepFailed } from "./steps";

const STOP_MS = 1000;
const LAST_BLOCK_MS = 500;

const hasContextSink = (): boolean => "AudioContext" in globalThis && "setSinkId" in AudioContext.prototype;

/** Whether this browser plays elsewhere than on the system's speaker. */
export function canChooseSpeaker(): boolean {
  return hasContextSink() || ("HTMLMediaElement" in globalThis && "setSinkId" in HTMLMediaElement.prototype);
}

/**
 * Opens the browser's sound until the call is `over`. Call it from a click: browsers start sound only then.
 *
 * @throws StepFailed where there is nothing to play on
 */
export function openAudio(over: AbortSignal): AudioContext {
  try {
    const context = new AudioContext({ latencyHint: "interactive", sampleRate: SAMPLE_RATE });
    atEnd(over, () => void close(context));
    void context.resume().catch(() => undefined); // the call waits for it
    return context;
  } catch (error) {
    throw new StepFailed("speaker", { cause: error });
  }
}

/**
 * Stops the sound, and closes it later. WebKitGTK (2.50) crashes if a context is closed while a worklet is in a block. On
 * a busy machine the last block ends some time after the sound has stopped.
 */
async function close(context: AudioContext): Promise<void> {
  if (context.state === "closed") return;
  await within(STOP_MS, context.suspend()).catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, LAST_BLOCK_MS));
  await context.close().catch(() => undefined);
}

/**
 * Firefox with PulseAudio: this question locks the audio graph and then waits for the sound server, whose callback waits
 * for that lock. One in a few conversations froze for good, page and sound (Firefox ESR 153).
 */
const LATENCY_MAY_FREEZE = /Linux.*Firefox\//;

/** Seconds from the end of the graph to the ear; null where the browser does not tell, as WebKit by its 0. */
export function outputLatency(context: AudioContext, userAgent = navigator.userAgent): number | null {
  return LATENCY_MAY_FREEZE.test(userAgent) ? null : context.outputLatency || null;
}

/** The device that plays one node. */
export class Speaker {
  #element: HTMLAudioElement | null = null;
  #stream: MediaStreamAudioDestinationNode | null = null;

  /** @param node is heard, on the system's speaker at first */
  constructor(
    readonly context: AudioContext,
    readonly node: AudioNode,
  ) {
    node.connect(context.destination);
  }

  /**
   * @param id a device's id; empty for the system's default
   * @throws DOMException if the device cannot be used; the one before then stays
   */
  async choose(id: string): Promise<void> {
    if (hasContextSink()) await (this.context as unknown as { setSinkId(id: string): Promise<void> }).setSinkId(id);
    else if (!id) this.#useContext();
    else await this.#useElement(id);
  }

  close(): void {
    this.#element?.pause();
    this.node.disconnect();
  }

  async #useElement(id: string): Promise<void> {
    const stream = this.#stream ?? new MediaStreamAudioDestinationNode(this.context);
    const element = this.#element ?? new Audio();
    await element.setSinkId(id);
    element.srcObject = stream.stream;
    this.node.connect(stream);
    await element.play();
    if (!this.#stream) this.node.disconnect(this.context.destination);
    this.#stream = stream;
    this.#element = element;
  }

  #useContext(): void {
    if (!this.#stream) return;
    this.node.connect(this.context.destination);
    this.node.disconnect(this.#stream);
    this.#element?.pause();
    this.#stream = this.#element = null;
  }
}
