/** Holds one conversation: runs the state machine against the browser and the service, and offers what the page shows. */

import { batch, computed, signal } from "@preact/signals";
import { startCall } from "./audio/call";
import type { Call, CallStats } from "./audio/types";
import { type Config, chatUrl, fetchConfig, secureUrl } from "./config";
import { type Event, INITIAL, isOver, isUnderWay, next, type State, words } from "./conversation";
import { strings } from "./strings";

const POLL_MS = 1000;
const MAX_CAPTIONS = 20_000; // characters kept on the page: some half an hour of speech
const SAMPLE_RATE = 48_000;

export const state = signal<State>(INITIAL);
export const muted = signal(false);
export const captions = signal("");
/** Characters said since the call began, those no longer kept included. */
export const captionsLength = signal(0);
export const config = signal<Config | null>(null);
export const stats = signal<CallStats | null>(null);
/** Root mean square 0..1, some 20 times a second. */
export const inputLevel = signal(0);
export const outputLevel = signal(0);

export const stateWords = computed(() => words(state.value, muted.value));
export const canConnect = computed(() => isOver(state.value));
export const underWay = computed(() => isUnderWay(state.value));

let call: Call | null = null;
/** Counts the attempts: what an earlier one still does must not touch a later one. */
let attempt = 0;

function send(event: Event): void {
  state.value = next(state.value, event);
}

/** Look at where the page is and what is behind it. */
export async function open(): Promise<void> {
  if (!window.isSecureContext) send({ type: "insecure", url: secureUrl(location.href) });
  config.value = await fetchConfig().catch(() => null);
}

/** Begin. Call it from a click: browsers start sound only then. */
export async function connect(): Promise<void> {
  if (!canConnect.value) return;
  const mine = ++attempt;
  const current = (): boolean => mine === attempt && underWay.value;
  call = null;
  captions.value = "";
  captionsLength.value = 0;
  stats.value = null;
  muted.value = false;
  send({ type: "connect" });
  const context = openSpeaker();
  if (!context) return send({ type: "failed", reason: strings.audioFailed });
  const microphone = await openMicrophone();
  if (typeof microphone === "string") {
    void context.close();
    if (current()) send({ type: "microphone refused", name: microphone });
    return;
  }
  const giveUp = (): void => {
    for (const track of microphone.getTracks()) track.stop();
    void context.close();
  };
  if (!current()) return giveUp();
  send({ type: "microphone granted" });
  const ready = await waitForModel(current);
  if (!ready || !current()) return giveUp();

  const started = await startCall({
    url: chatUrl(ready, location.href),
    // A switch for support: ?codec=wasm leaves the browser's own encoder aside.
    codec: new URLSearchParams(location.search).get("codec") === "wasm" ? "wasm" : "auto",
    microphone,
    context,
    events: {
      onLive: () => current() && send({ type: "handshake", now: Date.now() }),
      onText: (piece) => {
        if (!current()) return;
        batch(() => {
          captions.value = (captions.value + piece).slice(-MAX_CAPTIONS);
          captionsLength.value += piece.length;
        });
      },
      onMetadata: (metadata) => {
        if (current() && metadata.type === "end") send({ type: "server said", reason: metadata.reason });
      },
      onServerError: (text) => current() && send({ type: "server said", reason: text }),
      onClose: (code, reason) => {
        if (!current()) return;
        send({ type: "closed", code, reason, now: Date.now() });
        inputLevel.value = outputLevel.value = 0;
      },
      onLevels: (input, output) => {
        if (!current()) return;
        inputLevel.value = input;
        outputLevel.value = output;
      },
    },
  }).catch(() => null);
  if (!started) {
    if (current()) send({ type: "failed", reason: strings.audioFailed });
    return;
  }
  if (!current()) {
    void started.hangUp();
    return;
  }
  call = started;
}

export function disconnect(): void {
  send({ type: "disconnect", now: Date.now() });
  refreshStats();
  void call?.hangUp();
  call = null;
  inputLevel.value = outputLevel.value = 0;
}

export function toggleMute(): void {
  if (state.value.name !== "live") return;
  muted.value = !muted.value;
  call?.setMuted(muted.value);
}

/** The figures of the call that is going on; the last ones stay when it is over. */
export function refreshStats(): void {
  if (call) stats.value = call.stats();
}

/** null where there is nothing to play on. */
function openSpeaker(): AudioContext | null {
  try {
    return new AudioContext({ latencyHint: "interactive", sampleRate: SAMPLE_RATE });
  } catch {
    return null;
  }
}

/** The microphone, or the name of what stood in the way. */
async function openMicrophone(): Promise<MediaStream | string> {
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 },
    });
  } catch (error) {
    return error instanceof DOMException ? error.name : "Error";
  }
}

/** Until the model can be talked to; null if the attempt is over before. */
async function waitForModel(current: () => boolean): Promise<Config | null> {
  while (current()) {
    const latest = await fetchConfig().catch(() => null);
    if (!current()) return null;
    if (!latest) {
      send({ type: "failed", reason: strings.noConfig });
      return null;
    }
    config.value = latest;
    const { health } = latest.moshi;
    if (health.status === "ready") {
      send({ type: "model ready" });
      return latest;
    }
    send({ type: "model not ready", health });
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return null;
}
