import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Call } from "../audio/call";
import { call } from "./current-call";
import {
  chooseMicrophone,
  chooseSpeaker,
  deviceProblem,
  echo,
  microphones,
  noMicrophone,
  openMicrophone,
  replaceMicrophone,
  watchDevices,
} from "./devices";
import { microphoneId, speakerId } from "./preferences";

const wanted: (string | undefined)[] = [];
let available: string[];
let cancels: boolean | undefined;
let refusal: string | null;
/** Tells the page that something was plugged in or out. */
let devicesChange: () => void;

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
  refusal = null;
  noMicrophone.value = null;
  call.value = null;
  microphoneId.value = speakerId.value = "";
  deviceProblem.value = null;
  vi.stubGlobal("document", {});
  vi.stubGlobal("navigator", {
    userAgent: "Chromium",
    mediaDevices: {
      getUserMedia: async ({ audio }: { audio: { deviceId?: { exact: string } } }) => {
        const id = audio.deviceId?.exact;
        wanted.push(id);
        if (refusal) throw new DOMException("", refusal);
        if (id && !available.includes(id)) throw new DOMException("", "OverconstrainedError");
        if (available.length === 0) throw new DOMException("", "NotFoundError");
        return stream();
      },
      addEventListener: (_name: string, listener: () => void) => {
        devicesChange = listener;
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

  it("is none in a browser that gives pages none, as inside some apps", async () => {
    Object.assign(navigator, { mediaDevices: undefined });
    expect(await openMicrophone("", goingOn())).toBe("NotSupportedError");
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

describe("a microphone that ends in mid-call", () => {
  let live: boolean;
  const setMicrophone = vi.fn(() => {
    live = true;
  });
  const held = {
    setMicrophone,
    get hasMicrophone() {
      return live;
    },
    over: goingOn(),
  } as unknown as Call;

  beforeEach(async () => {
    watchDevices();
    await openMicrophone("", goingOn());
    await vi.waitFor(() => expect(microphones.value).toHaveLength(2));
    wanted.length = 0;
    setMicrophone.mockClear();
    live = false;
    call.value = held;
  });

  it("is replaced by the system's, which the person is told", async () => {
    await replaceMicrophone(held);
    expect(wanted).toEqual([undefined]);
    expect(setMicrophone).toHaveBeenCalledTimes(1);
    expect([deviceProblem.value, noMicrophone.value]).toEqual(["replaced", null]);
  });

  it("is opened again without a word if it was chosen and is still there", async () => {
    microphoneId.value = "headset";
    await replaceMicrophone(held);
    expect(wanted).toEqual(["headset"]);
    expect([deviceProblem.value, noMicrophone.value]).toEqual([null, null]);
  });

  it("is replaced by the system's if it was chosen and is gone", async () => {
    microphoneId.value = "headset";
    available = ["desk"];
    await replaceMicrophone(held);
    expect(wanted).toEqual(["headset", undefined]);
    expect([deviceProblem.value, noMicrophone.value]).toEqual(["gone", null]);
  });

  it.each([
    ["NotFoundError", "missing"],
    ["NotAllowedError", "denied"],
    ["NotReadableError", "stopped"],
  ])("and cannot be replaced (%s) leaves the call without one: %s", async (error, reason) => {
    refusal = error;
    await replaceMicrophone(held);
    expect(setMicrophone).not.toHaveBeenCalled();
    expect([deviceProblem.value, noMicrophone.value]).toEqual([null, reason]);
  });

  it("gives way to one that is plugged in later, and nothing more is said", async () => {
    available = [];
    await replaceMicrophone(held);
    expect(noMicrophone.value).toBe("missing");
    available = ["desk"];
    devicesChange();
    await vi.waitFor(() => expect(setMicrophone).toHaveBeenCalledTimes(1));
    expect([deviceProblem.value, noMicrophone.value]).toEqual([null, null]);
  });

  it("and is chosen anew but cannot be opened is not said to be still in use", async () => {
    refusal = "NotReadableError";
    await chooseMicrophone("desk");
    expect(microphoneId.value).toBe("");
    expect([deviceProblem.value, noMicrophone.value]).toEqual([null, "stopped"]);
  });
});

describe("a chosen microphone in a call", () => {
  const setMicrophone = vi.fn();

  beforeEach(async () => {
    watchDevices();
    await openMicrophone("headset", goingOn());
    await vi.waitFor(() => expect(microphones.value).toHaveLength(2));
    wanted.length = 0;
    setMicrophone.mockClear();
    microphoneId.value = "headset";
    call.value = { setMicrophone, hasMicrophone: true, over: goingOn() } as unknown as Call;
  });

  it("is left when it is unplugged and used again when it comes back, once each", async () => {
    available = ["desk"];
    devicesChange();
    await vi.waitFor(() => expect(deviceProblem.value).toBe("gone"));
    devicesChange(); // something else
    await vi.waitFor(() => expect(microphones.value).toHaveLength(1));
    available = ["desk", "headset"];
    devicesChange();
    await vi.waitFor(() => expect(deviceProblem.value).toBeNull());
    expect(wanted).toEqual([undefined, "headset"]);
    expect(setMicrophone).toHaveBeenCalledTimes(2);
  });
});

it("a speaker that cannot be used leaves the one before", async () => {
  call.value = { setSpeaker: () => Promise.reject(new DOMException("", "NotFoundError")) } as unknown as Call;
  speakerId.value = "desk";
  await chooseSpeaker("lost");
  expect(speakerId.value).toBe("desk");
  expect(deviceProblem.value).toBe("failed");
});
