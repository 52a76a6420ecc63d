import { beforeEach, describe, expect, it, vi } from "vitest";
import { Recording } from "../audio/recording";
import { RECORDED_RATE } from "../audio/worklets/stereo";
import { captionsLength, lines, unannounced } from "../transcript/captions";
import {
  current,
  earlier,
  isKeptSaved,
  keepRecording,
  recordingSaved,
  roomForRecording,
  sessionBegins,
  transcriptBegins,
  transcriptContinues,
  transcriptPiece,
  transcriptSaved,
  warnOfLoss,
} from "./history";
import { beganAt, jsonOf, MAX_EARLIER, textOf, vttOf } from "./kept";

const SETTINGS = {
  text_temperature: 0.7,
  text_topk: 25,
  text_seed: 7,
  audio_temperature: 0.8,
  audio_topk: 250,
  audio_seed: 8,
};

function talk(words: string, at = 1_000_000): void {
  transcriptBegins();
  transcriptContinues(at);
  if (words) transcriptPiece(words, at + 2000);
}

function recorded(seconds: number): Recording {
  const recording = new Recording(seconds);
  recording.push(new Int16Array(2 * RECORDED_RATE * seconds));
  return recording;
}

beforeEach(() => {
  transcriptBegins();
  earlier.value = [];
});

it("a lost conversation and the one after it are one transcript, on one clock", () => {
  talk(" One");
  transcriptContinues(1_060_000);
  transcriptPiece(" two", 1_061_000);
  expect(lines.value.map(({ from, text }) => [from, text])).toEqual([
    [2000, "One"],
    [1000, "two"],
  ]);
  expect(textOf(current.value)).toContain("New conversation");
  expect(vttOf(current.value)).toContain("00:00:02.000 --> ");
  expect(vttOf(current.value)).toContain("00:01:01.000 --> ");
  expect(captionsLength.value).toBe(8);
  expect(unannounced.value).toBe(" One two");
  expect(beganAt(current.value)).toEqual(new Date(1_000_000));
});

describe("the next Connect", () => {
  it("begins an empty transcript and keeps the one before, with its session and recording", () => {
    talk(" One");
    sessionBegins("c0ffee", SETTINGS);
    const recording = recorded(3);
    keepRecording(recording);
    talk(" Two", 2_000_000);
    expect(textOf(current.value)).toBe("[0:02] Moshi: Two\n");
    expect(current.value.session).toBeNull();
    expect(earlier.value.map(textOf)).toEqual(["[0:02] Moshi: One\n"]);
    expect(earlier.value[0]?.recordings).toEqual([recording]);
    expect(JSON.parse(jsonOf(earlier.value[0] ?? current.value)).session).toEqual({
      id: "c0ffee",
      settings: SETTINGS,
    });
  });

  it("keeps nothing of a call in which nothing was said", () => {
    talk("");
    keepRecording(new Recording());
    transcriptBegins();
    expect(earlier.value).toEqual([]);
    expect(unannounced.value).toBe("");
  });

  it("lets the oldest go beyond the bound, a saved one first", () => {
    for (let number = 0; number <= MAX_EARLIER; number++) talk(` ${number}.`);
    expect(earlier.value).toHaveLength(MAX_EARLIER);
    const [oldest, second] = earlier.value;
    if (second) transcriptSaved(second);
    talk(" one more");
    expect(earlier.value).toHaveLength(MAX_EARLIER);
    expect(earlier.value[0]).toBe(oldest);
    expect(earlier.value).not.toContain(second);
    talk(" and one more");
    expect(earlier.value).not.toContain(oldest);
  });
});

describe("a conversation is saved", () => {
  it("when its transcript was, until it grows", () => {
    talk(" One");
    expect(isKeptSaved(current.value)).toBe(false);
    transcriptSaved(current.value);
    expect(isKeptSaved(current.value)).toBe(true);
    transcriptPiece(" more", 1_003_000);
    expect(isKeptSaved(current.value)).toBe(false);
    transcriptSaved(current.value);
    transcriptBegins();
    expect(earlier.value.map(isKeptSaved)).toEqual([true]);
  });

  it("when its recordings were as well, until they grow", () => {
    talk(" One");
    transcriptSaved(current.value);
    const recording = new Recording();
    keepRecording(recording);
    recording.push(new Int16Array(2 * RECORDED_RATE));
    expect(isKeptSaved(current.value)).toBe(false);
    recordingSaved(recording, recording.seconds);
    expect(isKeptSaved(current.value)).toBe(true);
    recording.push(new Int16Array(2));
    expect(isKeptSaved(current.value)).toBe(false);
  });

  it("or the browser is told to ask before the tab goes", () => {
    let leave = (_event: Event): void => undefined;
    vi.stubGlobal("addEventListener", (_name: string, listener: typeof leave) => {
      leave = listener;
    });
    warnOfLoss();
    vi.unstubAllGlobals();
    const asks = (): boolean => {
      const event = new Event("beforeunload", { cancelable: true });
      leave(event);
      return event.defaultPrevented;
    };
    expect(asks()).toBe(false);
    talk(" One");
    expect(asks()).toBe(true);
    transcriptBegins();
    expect(asks()).toBe(true);
    for (const one of earlier.value) transcriptSaved(one);
    expect(asks()).toBe(false);
  });
});

describe("recordings", () => {
  function keep(seconds: number, isSaved: boolean): Recording {
    talk("");
    const recording = recorded(seconds);
    keepRecording(recording);
    if (isSaved) recordingSaved(recording, seconds);
    return recording;
  }

  it("have a bound for one, and one for all that were not saved", () => {
    expect(roomForRecording()).toBe(1800);
    keep(1800, false);
    keep(1200, false);
    expect(roomForRecording()).toBe(600);
    keep(600, false);
    talk("");
    expect(roomForRecording()).toBe(0);
    expect(earlier.value.flatMap((one) => one.recordings)).toHaveLength(3);
  });

  it("that were saved make room, the oldest first and no more than needed", () => {
    const [_oldest, newer] = [keep(1800, true), keep(600, true)];
    talk("");
    expect(roomForRecording()).toBe(1800);
    expect(earlier.value.flatMap((one) => one.recordings)).toEqual([newer]);
  });

  it("that were not saved stay", () => {
    const [_first, unsaved, _third] = [keep(1000, true), keep(1000, false), keep(1500, true)];
    talk("");
    expect(roomForRecording()).toBe(1800);
    expect(earlier.value.flatMap((one) => one.recordings)).toEqual([unsaved]);
  });

  it("of calls that never began are not counted", () => {
    talk("");
    for (let number = 0; number < 30; number++) keepRecording(new Recording());
    expect(current.value.recordings).toHaveLength(1);
    for (let number = 0; number < 30; number++) keepRecording(recorded(1));
    expect(roomForRecording()).toBe(0);
  });
});
