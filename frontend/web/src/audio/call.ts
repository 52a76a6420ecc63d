/** A call: microphone → capture worklet → worker → server, and back to the playback worklet. */

import captureUrl from "./capture.worklet?worker&url";
import playbackUrl from "./playback.worklet?worker&url";
import recorderUrl from "./recorder.worklet?worker&url";
import { Recording } from "./recording";
import { Speaker } from "./speaker";
import type { Chunk } from "./stereo";
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

/**
 * Dial. Everything that happens afterwards comes through `events`, a failure to connect too.
 *
 * @throws DOMException if the browser does not run the audio code; microphone and context are then released
 */
export async function startCall(options: CallOptions): Promise<Call> {
  const { url, codec, context, events } = options;
  let microphone = options.microphone;
  const release = async (): Promise<void> => {
    stop(microphone);
    if (context.state !== "closed") await context.close();
  };
  let source = context.createMediaStreamSource(microphone);
  const [capture, playback] = await connectWorklets(source, context).catch(async (error: unknown) => {
    await release();
    throw error;
  });

  const speaker = new Speaker(context, playback);
  let played: PlaybackReport | null = null;
  let socket: SocketReport | null = null;
  let serverStats: Extract<Metadata, { type: "stats" }> | null = null;
  let inputLevel = 0;
  capture.port.onmessage = ({ data }: MessageEvent<CaptureReport>) => {
    inputLevel = data.level;
  };
  playback.port.onmessage = ({ data }: MessageEvent<PlaybackReport>) => {
    played = data;
    events.onLevels(inputLevel, data.level);
  };

  const worker = new Worker(new URL("./call.worker.ts", import.meta.url), { type: "module" });
  let over = false;
  const watchInterruption = (): void => {
    const track = microphone.getAudioTracks()[0];
    const tell = (): void => {
      if (!over) events.onInterruption(context.state !== "running" || (track?.muted ?? false));
    };
    context.onstatechange = tell;
    if (track) track.onmute = track.onunmute = tell;
  };
  watchInterruption();
  let hungUp = (): void => {};
  const whenHungUp = new Promise<void>((resolve) => {
    hungUp = resolve;
  });
  const end = (code: number, reason: string): void => {
    if (over) return;
    over = true;
    worker.terminate();
    source.disconnect();
    speaker.close();
    void release().then(hungUp);
    events.onClose(code, reason);
  };
  worker.onerror = ({ message }) => end(FAILED, `the audio worker failed: ${message}`);
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    switch (data.type) {
      case "live":
        return events.onLive();
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
        return end(data.code, data.reason);
    }
  };

  const recorder = options.record ? await record(context, source, playback) : null;
  const mute = (muted: boolean): void => {
    capture.port.postMessage({ muted } satisfies ToCapture);
    recorder?.node.port.postMessage({ muted } satisfies ToRecorder);
  };
  mute(options.muted);
  if (options.speakerId) void speaker.choose(options.speakerId).catch(() => undefined); // it may be unplugged
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
    async setMicrophone(stream) {
      const next = context.createMediaStreamSource(stream);
      source.disconnect();
      stop(microphone);
      next.connect(capture);
      if (recorder) next.connect(recorder.node, 0, 0);
      source = next;
      microphone = stream;
      if (over) stop(stream);
      else watchInterruption();
    },
    setSpeaker: (id) => speaker.choose(id),
    recording: () => recorder && { seconds: recorder.recording.seconds, full: recorder.recording.full },
    saveRecording(format) {
      return recorder ? recorder.recording.as(format) : Promise.reject(new Error("nothing was recorded"));
    },
    hangUp() {
      if (!over) worker.postMessage("close" satisfies CloseWorker);
      return whenHungUp;
    },
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
        captureLatencyMs: seconds(microphone.getAudioTracks()[0]?.getSettings() as { latency?: number }, "latency"),
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
): Promise<[AudioWorkletNode, AudioWorkletNode]> {
  await Promise.all([captureUrl, playbackUrl].map((module) => context.audioWorklet.addModule(module)));
  await context.resume();
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
): Promise<{ node: AudioWorkletNode; recording: Recording } | null> {
  try {
    await context.audioWorklet.addModule(recorderUrl);
  } catch {
    return null; // a conversation without a recording is better than none
  }
  const node = new AudioWorkletNode(context, RECORDER, {
    numberOfInputs: 2,
    numberOfOutputs: 0,
    channelCount: 1,
    channelCountMode: "explicit",
  });
  const recording = new Recording();
  node.port.onmessage = ({ data }: MessageEvent<Chunk>) => recording.push(data);
  source.connect(node, 0, 0);
  playback.connect(node, 0, 1);
  return { node, recording };
}

/** In ms; null where the browser does not say. */
function seconds<Name extends string>(holder: { [name in Name]?: number } | undefined, name: Name): number | null {
  const value = holder?.[name];
  return value === undefined ? null : value * 1000;
}

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

function ports(): [MessagePort, MessagePort] {
  const { port1, port2 } = new MessageChannel();
  return [port1, port2];
}
