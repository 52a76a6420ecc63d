/** The package for other sites: the sound of our page, behind a surface of theirs. */

import { Call } from "../audio/call";
import { requestMicrophone } from "../audio/microphone";
import { CloseCode } from "../audio/protocol/generated";
import { openAudio } from "../audio/speaker";
import type { CallStats } from "../audio/stats";
import { chatUrl } from "./address";
import { callEvents, type Handlers } from "./handlers";

export { NOT_PASSED_ON } from "../audio/microphone";
export { BROWSER_FAILED, LOST } from "../audio/protocol/closing";
export { CloseCode, type ServerEvent } from "../audio/protocol/generated";
export type { CallStats } from "../audio/stats";
export { type Step, StepFailed } from "../audio/steps";
export type { End, Handlers } from "./handlers";

/** Choices for a conversation. */
export interface Options {
  /** Query parameters of the protocol, such as `seed` and `voice_prompt`. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** The id of a microphone; the system's own without it. */
  readonly microphone?: string;
  readonly muted?: boolean;
}

/** One conversation, until it ends by itself or `hangUp` ends it. */
export class Talk {
  readonly #call: Call;
  readonly #end: AbortController;
  readonly #handlers: Handlers;

  constructor(call: Call, end: AbortController, handlers: Handlers) {
    this.#call = call;
    this.#end = end;
    this.#handlers = handlers;
  }

  /** Ends the conversation and releases the microphone. Does nothing after its end. */
  hangUp(): void {
    if (this.#call.over.aborted) return;
    this.#end.abort();
    this.#handlers.onEnd?.({ code: CloseCode.Finished, reason: "", error: null, retryAfter: null });
  }

  /** Muted, Moshi hears silence. */
  setMuted(muted: boolean): void {
    this.#call.setMuted(muted);
  }

  /** Another microphone, by its id; empty for the system's own. @throws DOMException if it cannot be opened */
  async chooseMicrophone(id: string): Promise<void> {
    this.#call.setMicrophone(await requestMicrophone(id, this.#call.over));
  }

  /** Another speaker, by its id; empty for the system's own. @throws DOMException if it cannot be used */
  chooseSpeaker(id: string): Promise<void> {
    return this.#call.setSpeaker(id);
  }

  /** Goes on after an interruption. Call it from a click. */
  resume(): Promise<void> {
    return this.#call.resume();
  }

  /** The figures up to now: buffer, underruns, round trip, lag. */
  stats(): CallStats {
    return this.#call.stats();
  }
}

/**
 * Asks for the microphone and connects. Call it from a click: browsers start sound only then.
 *
 * @param service the address of the service's page, such as `https://talk.example/`. Its `FRONTEND_ALLOWED_ORIGINS` lists
 *   the site of this page
 * @throws DOMException if there is no microphone, or if this page is not secure; StepFailed if the browser fails at a step;
 *   TypeError for an address that is none. Everything later comes through `onEnd`
 */
export async function connect(service: string | URL, handlers: Handlers = {}, options: Options = {}): Promise<Talk> {
  const { settings = {}, microphone: id = "", muted = false } = options;
  const url = chatUrl(service, settings);
  if (!isSecureContext)
    throw new DOMException(
      "browsers give no microphone to this page: serve it over HTTPS, or from localhost",
      "SecurityError",
    );
  const end = new AbortController();
  try {
    const context = openAudio(end.signal);
    const microphone = await requestMicrophone(id, end.signal);
    const events = callEvents(handlers);
    const call = await Call.start({
      url,
      codec: "auto",
      microphone,
      context,
      muted,
      recordSeconds: null,
      events,
      end,
    });
    return new Talk(call, end, handlers);
  } catch (error) {
    end.abort();
    throw error;
  }
}
