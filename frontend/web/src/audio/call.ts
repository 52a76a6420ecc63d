/** A call: the page's sound, from the microphone to the server and back to the speaker. */

import { within } from "../common/timeout";
import type { CodecChoice } from "./codec/encoder";
import { AudioGraph } from "./graph";
import { BROWSER_FAILED } from "./protocol/closing";
import type { ServerEvent, StatsEvent } from "./protocol/generated";
import { Recording } from "./recording";
import { atEnd, stopTracks } from "./release";
import { outputLatency } from "./speaker";
import type { CallStats } from "./stats";
import { STEP_MS, type Step, StepFailed } from "./steps";
import type { FromWorker, SocketReport, ToWorker } from "./worker/messages";
import type { Chunk } from "./worklets/stereo";

const SPEAKER_MS = 5000;
const FAREWELL_MS = 2000; // for the worker to close its connection

/** A call goes through these in turn, and may be over at any time. */
type CallState =
  /** The browser loads and starts the worker. */
  | "starting worker"
  /** The worker connects, and loads its codec. */
  | "loading codec"
  /** For the server's handshake, which may come after a queue. */
  | "waiting"
  | "live"
  | "over";

/** States in which the browser has to finish a step in time. */
const STEPS: { readonly [state in CallState]?: Step } = { "starting worker": "worker", "loading codec": "codec" };

/** Handlers of a call. Nothing comes after `onClose` or `onFailed`. */
export interface CallEvents {
  /** The server's handshake: from now on it listens. */
  onLive(): void;
  onText(piece: string): void;
  onServerEvent(event: ServerEvent): void;
  /** An error message (kind 5). */
  onServerError(text: string): void;
  /** The end. `code` is `BROWSER_FAILED` if codec or worker broke during the call. */
  onClose(code: number, reason: string): void;
  /** The end as well: the browser did not finish a step that leads to the call. */
  onFailed(step: Step): void;
  /** The system has taken the sound away (a phone call, another app), or given it back. */
  onInterruption(interrupted: boolean): void;
  /** The microphone is unplugged, or no longer allowed: the call sends silence until `setMicrophone`. */
  onMicrophoneLost(): void;
  /** Root mean squares 0..1, about 20 times a second. The input is the microphone, muted or not. */
  onLevels(input: number, output: number): void;
}

/** Everything that a call needs to start. */
export interface CallOptions {
  /** ws: or wss: URL of /api/chat. */
  url: string;
  codec: CodecChoice;
  /** From getUserMedia. */
  microphone: MediaStream;
  /** Created inside the click. */
  context: AudioContext;
  muted: boolean;
  /** How many seconds of both sides are recorded, to be saved; null for no recording. */
  recordSeconds: number | null;
  events: CallEvents;
  /** The call's life. The page aborts it to hang up, and the call aborts it when it ends: everything is released. */
  end: AbortController;
}

/** One call. It ends by itself or when its `end` is aborted, and cannot start again. */
export class Call {
  /** Both sides, also after the call; null when they are not recorded. */
  readonly recording: Recording | null;
  /** Aborted when the call is over. */
  readonly over: AbortSignal;
  readonly #graph: AudioGraph;
  readonly #events: CallEvents;
  readonly #end: AbortController;
  readonly #worker: Worker;
  #state: CallState = "starting worker";
  #stepTimer: ReturnType<typeof setTimeout> | undefined;
  #socket: SocketReport | null = null;
  #serverStats: StatsEvent | null = null;

  /**
   * Starts a call. Later events come through `events`, a failure to connect too.
   *
   * @throws StepFailed if the browser fails at a step or does not finish it, AbortError if `end` is aborted before. The
   *   caller then aborts `options.end`, as after every other error.
   */
  static async start(options: CallOptions): Promise<Call> {
    const { context, microphone, recordSeconds, end } = options;
    const graph = await AudioGraph.open(context, microphone, recordSeconds !== null, end.signal);
    return new Call(options, graph);
  }

  private constructor(options: CallOptions, graph: AudioGraph) {
    this.#graph = graph;
    this.#events = options.events;
    this.#end = options.end;
    this.over = options.end.signal;
    this.recording = graph.worklets.recorder && new Recording(options.recordSeconds ?? undefined);
    this.#worker = openWorker();
    this.#worker.onerror = ({ message }) => this.#onWorkerError(message);
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#onWorkerMessage(data);
    graph.listen({
      onLevels: (input, output) => this.#isOver || this.#events.onLevels(input, output),
      onRecorded: (chunk) => this.#record(chunk),
      onInterruption: () => this.#tellInterruption(),
      onMicrophoneLost: () => this.#isOver || this.#events.onMicrophoneLost(),
    });
    graph.setMuted(options.muted);
    this.#connect(options);
    this.#enter("starting worker");
    atEnd(this.over, () => this.#release());
  }

  /** Muted, the call sends silence. */
  setMuted(muted: boolean): void {
    this.#graph.setMuted(muted);
  }

  /** Goes on after an interruption. Call it from a click: browsers start sound only then. */
  resume(): Promise<void> {
    return this.#graph.context.resume();
  }

  /**
   * The call owns the stream from now on, and stops the one before.
   *
   * @throws DOMException if the browser does not take it: it is stopped, and the one before goes on
   */
  setMicrophone(stream: MediaStream): void {
    atEnd(this.over, () => stopTracks(stream));
    if (!this.#isOver) this.#graph.setMicrophone(stream);
  }

  /** False once the microphone is unplugged, or no longer allowed. */
  get hasMicrophone(): boolean {
    return this.#graph.hasMicrophone;
  }

  /** Empty means the system's default. @throws DOMException if the device cannot be used, or does not answer */
  setSpeaker(id: string): Promise<void> {
    return within(SPEAKER_MS, this.#graph.speaker.choose(id), this.over);
  }

  /** The figures up to now. */
  stats(): CallStats {
    const { played, track, context } = this.#graph;
    const socket = this.#socket;
    const server = this.#serverStats;
    return {
      codec: socket?.codec ?? null,
      playedSeconds: played?.playedSeconds ?? 0,
      playedRms: played?.playedRms ?? 0,
      peak: played?.peak ?? 0,
      underruns: played?.underruns ?? 0,
      insertedMs: played?.insertedMs ?? 0,
      bufferMs: played?.bufferMs ?? 0,
      targetMs: played?.targetMs ?? null,
      captureLatencyMs: milliseconds((track?.getSettings() as { latency?: number } | undefined)?.latency),
      outputLatencyMs: milliseconds(outputLatency(context)),
      droppedFrames: server?.dropped_frames ?? 0,
      droppedInputPackets: socket?.droppedInputPackets ?? 0,
      roundTripMs: socket?.roundTripMs ?? null,
      stepMs: server?.step_ms ?? null,
      lagMs: server?.lag_ms ?? null,
      messagesIn: socket?.messagesIn ?? 0,
      bytesIn: socket?.bytesIn ?? 0,
      audioMessagesOut: socket?.audioMessagesOut ?? 0,
    };
  }

  get #isOver(): boolean {
    return this.#state === "over";
  }

  /** Two channels lead from worklet to worker, past the page. */
  #connect({ url, codec, context }: CallOptions): void {
    const capture = new MessageChannel();
    const playback = new MessageChannel();
    this.#graph.connect(capture.port1, playback.port1);
    const ports = { capture: capture.port2, playback: playback.port2 };
    const connect: ToWorker = { type: "connect", url, codec, sampleRate: context.sampleRate, ...ports };
    this.#worker.postMessage(connect, [ports.capture, ports.playback]);
  }

  #enter(state: CallState): void {
    this.#state = state;
    clearTimeout(this.#stepTimer);
    const step = STEPS[state];
    if (step) this.#stepTimer = setTimeout(() => this.#fail(step), STEP_MS[step]);
  }

  #onWorkerMessage(message: FromWorker): void {
    if (this.#isOver) return;
    switch (message.type) {
      case "started":
        this.#enter("loading codec");
        break;
      case "codec loaded":
        this.#enter("waiting");
        break;
      case "live":
        this.#enter("live");
        this.#events.onLive();
        this.#tellInterruption(); // it may have begun in the queue
        break;
      case "text":
        this.#events.onText(message.text);
        break;
      case "event":
        if (message.event.type === "stats") this.#serverStats = message.event;
        this.#events.onServerEvent(message.event);
        break;
      case "error":
        this.#events.onServerError(message.text);
        break;
      case "report":
        this.#socket = message.report;
        break;
      case "close":
        this.#onWorkerClose(message.code, message.reason);
        break;
    }
  }

  #onWorkerClose(code: number, reason: string): void {
    if (code === BROWSER_FAILED && this.#state === "loading codec") this.#fail("codec");
    else this.#finish(() => this.#events.onClose(code, reason));
  }

  #onWorkerError(message: string): void {
    if (this.#state === "starting worker") this.#fail("worker");
    else this.#finish(() => this.#events.onClose(BROWSER_FAILED, message));
  }

  #record(chunk: Chunk): void {
    if (this.#state === "live") this.recording?.push(chunk); // not the wait in the queue
  }

  #tellInterruption(): void {
    if (!this.#isOver) this.#events.onInterruption(this.#graph.interrupted);
  }

  #fail(step: Step): void {
    this.#finish(() => this.#events.onFailed(step));
  }

  /** The call ends by itself: tell the page, and release everything. */
  #finish(tell: () => void): void {
    if (this.#isOver) return;
    try {
      tell();
    } finally {
      this.#end.abort();
    }
  }

  #release(): void {
    this.#enter("over");
    this.#graph.close();
    this.#worker.postMessage({ type: "hang up" } satisfies ToWorker);
    setTimeout(() => this.#worker.terminate(), FAREWELL_MS);
  }
}

/** @throws StepFailed where the browser has no workers, or refuses one */
function openWorker(): Worker {
  try {
    return new Worker(new URL("./worker/call.worker.ts", import.meta.url), { type: "module" });
  } catch (error) {
    throw new StepFailed("worker", { cause: error });
  }
}

/** Null where the browser does not tell. */
function milliseconds(seconds: number | null | undefined): number | null {
  return seconds == null ? null : seconds * 1000;
}
