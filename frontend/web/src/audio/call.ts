/** A call: microphone → capture worklet → worker → server, and back to the playback worklet. */

import { atEnd, type Step, StepFailed, step, stopTracks, within } from "./patience";
import { Recording } from "./recording";
import { Speaker } from "./speaker";
import type { Call, CallOptions, CallStats, Metadata } from "./types";
import {
  CAPTURE,
  type CaptureReport,
  type CloseWorker,
  FAILED,
  type FromWorker,
  PLAYBACK,
  type PlaybackReport,
  RECORDER,
  type SocketReport,
  type ToCapture,
  type ToPlayback,
  type ToRecorder,
  type ToWorker,
} from "./worklet-messages";
import captureUrl from "./worklets/capture.worklet?worker&url";
import playbackUrl from "./worklets/playback.worklet?worker&url";
import recorderUrl from "./worklets/recorder.worklet?worker&url";
import type { Chunk } from "./worklets/stereo";

const SPEAKER_MS = 5000;
const FAREWELL_MS = 2000; // for the worker to take leave of the server

/**
 * Dial. Everything that happens afterwards comes through `events`, a failure to connect too.
 *
 * @throws StepFailed if the browser fails at a step or does not finish it, AbortError if the call is ended before. The
 *   caller then aborts `options.end`, as after every other error.
 */
export async function startCall(options: CallOptions): Promise<Call> {
  const { url, codec, context, events, end } = options;
  const over = end.signal;
  let microphone = options.microphone;
  let source = context.createMediaStreamSource(microphone);
  const [capture, playback] = await connectWorklets(source, context, over);
  const recorder = options.recordSeconds === null ? null : await record(context, source, playback, options);

  const speaker = new Speaker(context, playback);
  let live = false;
  if (recorder) {
    recorder.node.port.onmessage = ({ data }: MessageEvent<Chunk>) => {
      if (live) recorder.recording.push(data); // not the wait for a place
    };
  }
  let played: PlaybackReport | null = null;
  let socket: SocketReport | null = null;
  let serverStats: Extract<Metadata, { type: "stats" }> | null = null;
  let inputLevel = 0;
  capture.port.onmessage = ({ data }: MessageEvent<CaptureReport>) => {
    inputLevel = data.level;
  };
  playback.port.onmessage = ({ data }: MessageEvent<PlaybackReport>) => {
    played = data;
    if (!over.aborted) events.onLevels(inputLevel, data.level);
  };

  const worker = openWorker();
  const track = (): MediaStreamTrack | undefined => microphone.getAudioTracks()[0];
  const hasMicrophone = (): boolean => track()?.readyState === "live";
  const tellInterruption = (): void => {
    if (over.aborted) return;
    const taken = hasMicrophone() && track()?.muted === true; // one that is gone is not coming back
    events.onInterruption(context.state !== "running" || taken);
  };
  const watchMicrophone = (): void => {
    const watched = track();
    if (!watched) return;
    watched.onmute = watched.onunmute = tellInterruption;
    watched.onended = () => {
      if (over.aborted || watched !== track()) return;
      tellInterruption();
      events.onMicrophoneLost();
    };
  };
  context.onstatechange = tellInterruption;
  watchMicrophone();
  atEnd(over, () => {
    source.disconnect();
    speaker.close();
    worker.postMessage("close" satisfies CloseWorker);
    setTimeout(() => worker.terminate(), FAREWELL_MS);
  });
  /** The call is over by itself: tell, and let go of everything. */
  const finish = (told: () => void): void => {
    if (over.aborted) return;
    try {
      told();
    } finally {
      end.abort();
    }
  };
  const close = (code: number, reason: string): void => finish(() => events.onClose(code, reason));
  const fail = (failed: Step): void => finish(() => events.onFailed(failed));
  const begun = signalled();
  const ready = signalled();
  step("worker", begun.promise, over)
    .then(() => step("codec", ready.promise, over))
    .catch((error: unknown) => error instanceof StepFailed && fail(error.step));
  worker.onerror = ({ message }) => (begun.done ? close(FAILED, message) : fail("worker"));
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if (over.aborted) return;
    switch (data.type) {
      case "begun":
        return begun.tell();
      case "ready":
        return ready.tell();
      case "live":
        live = true;
        events.onLive();
        return tellInterruption(); // it may have begun in the queue
      case "text":
        return events.onText(data.text);
      case "metadata":
        if (data.metadata.type === "stats") serverStats = data.metadata;
        return events.onMetadata(data.metadata);
      case "error":
        return events.onServerError(data.text);
      case "report":
        socket = data.report;
        return;
      case "close":
        if (data.code === FAILED && !ready.done) return fail("codec");
        return close(data.code, data.reason);
    }
  };

  const mute = (muted: boolean): void => {
    capture.port.postMessage({ muted } satisfies ToCapture);
    recorder?.node.port.postMessage({ muted } satisfies ToRecorder);
  };
  mute(options.muted);
  const [captureToWorker, workerFromCapture] = ports();
  const [playbackFromWorker, workerToPlayback] = ports();
  capture.port.postMessage({ port: captureToWorker } satisfies ToCapture, [captureToWorker]);
  playback.port.postMessage({ port: playbackFromWorker } satisfies ToPlayback, [playbackFromWorker]);
  const dial: ToWorker = {
    url,
    codec,
    sampleRate: context.sampleRate,
    capture: workerFromCapture,
    playback: workerToPlayback,
  };
  worker.postMessage(dial, [workerFromCapture, workerToPlayback]);

  return {
    setMuted(muted) {
      mute(muted);
    },
    resume: () => context.resume(),
    setMicrophone(stream) {
      atEnd(over, () => stopTracks(stream));
      if (over.aborted) return;
      let next: MediaStreamAudioSourceNode;
      try {
        next = context.createMediaStreamSource(stream);
        next.connect(capture);
        if (recorder) next.connect(recorder.node, 0, 0);
      } catch (error) {
        stopTracks(stream);
        throw error;
      }
      source.disconnect();
      stopTracks(microphone);
      source = next;
      microphone = stream;
      watchMicrophone();
      tellInterruption();
    },
    get hasMicrophone() {
      return hasMicrophone();
    },
    setSpeaker: (id) => within(SPEAKER_MS, speaker.choose(id), over),
    recording: recorder?.recording ?? null,
    over,
    stats(): CallStats {
      return {
        codec: socket?.codec ?? null,
        playedSeconds: played?.playedSeconds ?? 0,
        playedRms: played?.playedRms ?? 0,
        peak: played?.peak ?? 0,
        underruns: played?.underruns ?? 0,
        insertedMs: played?.insertedMs ?? 0,
        bufferMs: played?.bufferMs ?? 0,
        droppedInputPackets: socket?.droppedInputPackets ?? 0,
        roundTripMs: socket?.roundTripMs ?? null,
        tickMs: serverStats?.tick_ms ?? null,
        lagMs: serverStats?.lag_ms ?? null,
        droppedFrames: serverStats?.dropped_frames ?? 0,
        targetMs: played?.targetMs ?? null,
        captureLatencyMs: seconds(track()?.getSettings() as { latency?: number }, "latency"),
        outputLatencyMs: seconds(context, "outputLatency"),
        messagesIn: socket?.messagesIn ?? 0,
        bytesIn: socket?.bytesIn ?? 0,
        audioMessagesOut: socket?.audioMessagesOut ?? 0,
      };
    },
  };
}

/** The capture and the playback node, between microphone and speaker. */
async function connectWorklets(
  source: MediaStreamAudioSourceNode,
  context: AudioContext,
  over: AbortSignal,
): Promise<[AudioWorkletNode, AudioWorkletNode]> {
  const modules = [captureUrl, playbackUrl].map((module) => context.audioWorklet.addModule(module));
  await step("code", Promise.all(modules), over);
  await step("speaker", context.resume(), over);
  const capture = new AudioWorkletNode(context, CAPTURE, {
    numberOfOutputs: 0,
    // Browsers may give two channels where one was asked for; explicit mixes them, and the worklet reads the one.
    channelCount: 1,
    channelCountMode: "explicit",
  });
  const playback = new AudioWorkletNode(context, PLAYBACK, { numberOfInputs: 0, outputChannelCount: [1] });
  source.connect(capture);
  return [capture, playback];
}

/** Keeps both sides: input 0 is the microphone, input 1 is Moshi. Null where the browser does not run it. */
async function record(
  context: AudioContext,
  source: AudioNode,
  playback: AudioNode,
  { recordSeconds, end }: CallOptions,
): Promise<{ node: AudioWorkletNode; recording: Recording } | null> {
  try {
    await step("code", context.audioWorklet.addModule(recorderUrl), end.signal);
  } catch {
    end.signal.throwIfAborted();
    return null; // a conversation without a recording is better than none
  }
  const node = new AudioWorkletNode(context, RECORDER, {
    numberOfInputs: 2,
    numberOfOutputs: 0,
    channelCount: 1,
    channelCountMode: "explicit",
  });
  const recording = new Recording(recordSeconds ?? undefined);
  source.connect(node, 0, 0);
  playback.connect(node, 0, 1);
  return { node, recording };
}

/** In ms; null where the browser does not say. */
function seconds<Name extends string>(holder: { [name in Name]?: number } | undefined, name: Name): number | null {
  const value = holder?.[name];
  return value === undefined ? null : value * 1000;
}

function openWorker(): Worker {
  try {
    return new Worker(new URL("./worker/call.worker.ts", import.meta.url), { type: "module" });
  } catch (error) {
    throw new StepFailed("worker", { cause: error });
  }
}

/** A promise for something that is told once. */
function signalled(): { readonly promise: Promise<void>; readonly done: boolean; tell(): void } {
  let resolve: () => void = () => undefined;
  let done = false;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return {
    promise,
    get done() {
      return done;
    },
    tell() {
      done = true;
      resolve();
    },
  };
}

function ports(): [MessagePort, MessagePort] {
  const { port1, port2 } = new MessageChannel();
  return [port1, port2];
}
