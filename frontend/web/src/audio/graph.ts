/** The audio graph of a call: microphone → capture worklet, playback worklet → speaker, both → recorder worklet. */

import { stopTracks } from "./release";
import { Speaker } from "./speaker";
import { step } from "./steps";
import captureUrl from "./worklets/capture.worklet?worker&url";
import {
  CAPTURE,
  type CaptureReport,
  PLAYBACK,
  type PlaybackReport,
  RECORDER,
  type ToCapture,
  type ToPlayback,
  type ToRecorder,
} from "./worklets/messages";
import playbackUrl from "./worklets/playback.worklet?worker&url";
import recorderUrl from "./worklets/recorder.worklet?worker&url";
import type { Chunk } from "./worklets/stereo";

/** Handlers of the audio graph. */
export interface GraphEvents {
  /** About 20 times a second, root mean squares. The input is the microphone, muted or not. */
  onLevels(input: number, output: number): void;
  /** 100 ms of both sides. */
  onRecorded(chunk: Chunk): void;
  /** `interrupted` may have changed. */
  onInterruption(): void;
  onMicrophoneLost(): void;
}

interface Worklets {
  readonly capture: AudioWorkletNode;
  readonly playback: AudioWorkletNode;
  /** Null without a recording, and where the browser did not load it. */
  readonly recorder: AudioWorkletNode | null;
}

/** The nodes of one call, and the microphone that it uses. */
export class AudioGraph {
  readonly speaker: Speaker;
  /** The latest report of the jitter buffer. */
  played: PlaybackReport | null = null;
  #microphone: MediaStream;
  #source: MediaStreamAudioSourceNode;
  #inputLevel = 0;
  #events: GraphEvents | null = null;

  private constructor(
    readonly context: AudioContext,
    readonly worklets: Worklets,
    microphone: MediaStream,
    source: MediaStreamAudioSourceNode,
  ) {
    this.#microphone = microphone;
    this.#source = source;
    this.speaker = new Speaker(context, worklets.playback);
  }

  /**
   * @param records whether both sides are recorded
   * @throws StepFailed if the browser fails at a step or does not finish it, AbortError if `over` is aborted before
   */
  static async open(
    context: AudioContext,
    microphone: MediaStream,
    records: boolean,
    over: AbortSignal,
  ): Promise<AudioGraph> {
    const source = context.createMediaStreamSource(microphone);
    const modules = [captureUrl, playbackUrl].map((module) => context.audioWorklet.addModule(module));
    await step("code", Promise.all(modules), over);
    await step("speaker", context.resume(), over);
    const capture = new AudioWorkletNode(context, CAPTURE, {
      numberOfOutputs: 0,
      // Browsers may give two channels where one was asked for. "explicit" mixes them into one.
      channelCount: 1,
      channelCountMode: "explicit",
    });
    const playback = new AudioWorkletNode(context, PLAYBACK, { numberOfInputs: 0, outputChannelCount: [1] });
    source.connect(capture);
    const recorder = records ? await record(context, source, playback, over) : null;
    return new AudioGraph(context, { capture, playback, recorder }, microphone, source);
  }

  /** False once the microphone is unplugged, or no longer allowed. */
  get hasMicrophone(): boolean {
    return this.track?.readyState === "live";
  }

  /** The system has taken the microphone or the speaker away. A microphone that is gone is not coming back. */
  get interrupted(): boolean {
    const taken = this.hasMicrophone && this.track?.muted === true;
    return this.context.state !== "running" || taken;
  }

  /** The microphone's track. */
  get track(): MediaStreamTrack | undefined {
    return this.#microphone.getAudioTracks()[0];
  }

  listen(events: GraphEvents): void {
    const { capture, playback, recorder } = this.worklets;
    this.#events = events;
    capture.port.onmessage = ({ data }: MessageEvent<CaptureReport>) => {
      this.#inputLevel = data.level;
    };
    playback.port.onmessage = ({ data }: MessageEvent<PlaybackReport>) => {
      this.played = data;
      events.onLevels(this.#inputLevel, data.level);
    };
    if (recorder) recorder.port.onmessage = ({ data }: MessageEvent<Chunk>) => events.onRecorded(data);
    this.context.onstatechange = () => events.onInterruption();
    this.#watchMicrophone();
  }

  /** Gives the worklets their ports to the worker. */
  connect(capture: MessagePort, playback: MessagePort): void {
    this.worklets.capture.port.postMessage({ port: capture } satisfies ToCapture, [capture]);
    this.worklets.playback.port.postMessage({ port: playback } satisfies ToPlayback, [playback]);
  }

  /** Muted, the worklets send and record silence. */
  setMuted(muted: boolean): void {
    this.worklets.capture.port.postMessage({ muted } satisfies ToCapture);
    this.worklets.recorder?.port.postMessage({ muted } satisfies ToRecorder);
  }

  /** Stops the stream before. @throws DOMException if the browser does not take the new one: it is stopped instead */
  setMicrophone(stream: MediaStream): void {
    const { capture, recorder } = this.worklets;
    let source: MediaStreamAudioSourceNode;
    try {
      source = this.context.createMediaStreamSource(stream);
      source.connect(capture);
      if (recorder) source.connect(recorder, 0, 0);
    } catch (error) {
      stopTracks(stream);
      throw error;
    }
    this.#source.disconnect();
    stopTracks(this.#microphone);
    this.#source = source;
    this.#microphone = stream;
    this.#watchMicrophone();
    this.#events?.onInterruption();
  }

  close(): void {
    this.#source.disconnect();
    this.speaker.close();
  }

  #watchMicrophone(): void {
    const watched = this.track;
    if (!watched) return;
    watched.onmute = watched.onunmute = () => this.#events?.onInterruption();
    watched.onended = () => {
      if (watched !== this.track) return;
      this.#events?.onInterruption();
      this.#events?.onMicrophoneLost();
    };
  }
}

/** Input 0 is the microphone, input 1 is Moshi. Null where the browser does not run the recorder. */
async function record(
  context: AudioContext,
  source: AudioNode,
  playback: AudioNode,
  over: AbortSignal,
): Promise<AudioWorkletNode | null> {
  try {
    await step("code", context.audioWorklet.addModule(recorderUrl), over);
  } catch {
    over.throwIfAborted();
    return null; // a conversation without a recording is better than none
  }
  const node = new AudioWorkletNode(context, RECORDER, {
    numberOfInputs: 2,
    numberOfOutputs: 0,
    channelCount: 1,
    channelCountMode: "explicit",
  });
  source.connect(node, 0, 0);
  playback.connect(node, 0, 1);
  return node;
}
