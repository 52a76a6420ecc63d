/** A call: microphone → capture worklet → worker → server, and back to the playback worklet. */

import captureUrl from "./capture.worklet?worker&url";
import playbackUrl from "./playback.worklet?worker&url";
import type { Call, CallOptions, CallStats } from "./types";
import {
  CAPTURE,
  type CaptureReport,
  type CloseWorker,
  FAILED,
  type FromWorker,
  PLAYBACK,
  type PlaybackReport,
  type SocketReport,
  type ToCapture,
  type ToPlayback,
  type ToWorker,
} from "./worklet-messages";

/**
 * Dial. Everything that happens afterwards comes through `events`, a failure to connect too.
 *
 * @throws DOMException if the browser does not run the audio code; microphone and context are then released
 */
export async function startCall({ url, codec, microphone, context, events }: CallOptions): Promise<Call> {
  const release = async (): Promise<void> => {
    for (const track of microphone.getTracks()) track.stop();
    if (context.state !== "closed") await context.close();
  };
  const [capture, playback] = await connectWorklets(microphone, context).catch(async (error: unknown) => {
    await release();
    throw error;
  });

  let played: PlaybackReport | null = null;
  let socket: SocketReport | null = null;
  let tickMs: number | null = null;
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
  let hungUp = (): void => {};
  const whenHungUp = new Promise<void>((resolve) => {
    hungUp = resolve;
  });
  const end = (code: number, reason: string): void => {
    if (over) return;
    over = true;
    worker.terminate();
    capture.disconnect();
    playback.disconnect();
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
        if (data.metadata.type === "stats") tickMs = data.metadata.tick_ms;
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
      capture.port.postMessage({ muted } satisfies ToCapture);
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
        tickMs,
        messagesIn: socket?.messagesIn ?? 0,
        bytesIn: socket?.bytesIn ?? 0,
        audioMessagesOut: socket?.audioMessagesOut ?? 0,
      };
    },
  };
}

/** The capture and the playback node, between microphone and speaker. */
async function connectWorklets(
  microphone: MediaStream,
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
  context.createMediaStreamSource(microphone).connect(capture);
  playback.connect(context.destination);
  return [capture, playback];
}

function ports(): [MessagePort, MessagePort] {
  const { port1, port2 } = new MessageChannel();
  return [port1, port2];
}
