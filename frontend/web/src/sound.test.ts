import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Call } from "./audio/types";
import { microphoneId, speakerId } from "./preferences";
import { chooseMicrophone, chooseSpeaker, deviceProblem, echo, microphones, openMicrophone } from "./sound";
import { call } from "./store";

const wanted: (string | undefined)[] = [];
let available: string[];
let cancels: boolean | undefined;

function goingOn(): AbortSignal {
  return new AbortController().signal;
}

function stream(): MediaStream {
  const track = { getSettings: () => ({ echoCancellation: cancels }), stop: () => undefined };
  return { getAudioTracks: () => [track], getTracks: () => [track] } as unknown as MediaStream;
}

beforeEach(() => {
  wanted.length = 0;
  available = ["desk", "headset"];
  cancels = true;
  call.value = null;
  microphoneId.value = speakerId.value = "";
  deviceProblem.value = null;
  vi.stubGlobal("navigator", {
    userAgent: "Chromium",
    mediaDevices: {
      getUserMedia: async ({ audio }: { audio: { deviceId?: { exact: string } } }) => {
        const id = audio.deviceId?.exact;
        wanted.push(id);
        if (id && !available.includes(id)) throw new DOMException("", "OverconstrainedError");
        if (available.length === 0) throw new DOMException("", "NotFoundError");
        return stream();
      },
      enumerateDevices: async () => [
        { kind: "audioinput", deviceId: "default", label: "Default" },
        ...available.map((deviceId) => ({ kind: "audioinput", deviceId, label: `The ${deviceId}` })),
      ],
    },
  });
});

describe("the microphone", () => {
  it("is the chosen one, and the system's when that is gone", async () => {
    expect(typeof (await openMicrophone("headset", goingOn()))).toBe("object");
    expect(deviceProblem.value).toBeNull();
    expect(typeof (await openMicrophone("lost", goingOn()))).toBe("object");
    expect(wanted).toEqual(["headset", "lost", undefined]);
    expect(deviceProblem.value).toBe("gone");
  });

  it("that cannot be opened is named by its error", async () => {
    available = [];
    expect(await openMicrophone("", goingOn())).toBe("NotFoundError");
  });

  it("is listed once, by its name", async () => {
    await openMicrophone("", goingOn());
    await vi.waitFor(() => expect(microphones.value.map(({ label }) => label)).toEqual(["The desk", "The headset"]));
  });

  it("changes in a call that is going on", async () => {
    const setMicrophone = vi.fn(async () => undefined);
    call.value = { setMicrophone, over: goingOn() } as unknown as Call;
    await chooseMicrophone("headset");
    expect(setMicrophone).toHaveBeenCalledTimes(1);
    expect(microphoneId.value).toBe("headset");
  });

  it("is the last one that was chosen, whichever the browser grants first", async () => {
    const granted: [string | undefined, () => void][] = [];
    const stopped: (string | undefined)[] = [];
    navigator.mediaDevices.getUserMedia = ({ audio } = {}) => {
      const id = (audio as { deviceId?: { exact: string } }).deviceId?.exact;
      const track = { getSettings: () => ({}), stop: () => stopped.push(id) };
      const made = { id, getAudioTracks: () => [track], getTracks: () => [track] } as unknown as MediaStream;
      return new Promise((resolve) => granted.push([id, () => resolve(made)]));
    };
    const setMicrophone = vi.fn();
    call.value = { setMicrophone, over: goingOn() } as unknown as Call;
    const first = chooseMicrophone("desk");
    const second = chooseMicrophone("headset");
    for (const [, grant] of granted.reverse()) grant();
    await Promise.all([first, second]);
    expect(setMicrophone.mock.calls.map(([stream]) => stream.id)).toEqual(["headset"]);
    expect(stopped).toEqual(["desk"]);
    expect(microphoneId.value).toBe("headset");
    expect(deviceProblem.value).toBeNull();
  });

  it.each([
    [true, "Chromium", "on"],
    [true, "Firefox/153.0", "weak"],
    [false, "Chromium", "off"],
    [undefined, "Chromium", "unknown"],
  ])("says whether echo is cancelled: %s in %s", async (value, userAgent, said) => {
    cancels = value;
    Object.assign(navigator, { userAgent });
    await openMicrophone("", goingOn());
    expect(echo.value).toBe(said);
  });
});

it("a speaker that cannot be used leaves the one before", async () => {
  call.value = { setSpeaker: () => Promise.reject(new DOMException("", "NotFoundError")) } as unknown as Call;
  speakerId.value = "desk";
  await chooseSpeaker("lost");
  expect(speakerId.value).toBe("desk");
  expect(deviceProblem.value).toBe("failed");
});
