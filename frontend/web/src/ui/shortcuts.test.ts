import { describe, expect, it } from "vitest";
import { actionOf, activatesAgain, type Press, type Situation } from "./shortcuts";

const LIVE: Situation = { shortcuts: true, pushToTalk: true, underWay: true, live: true };
const CONNECTING: Situation = { ...LIVE, live: false };
const IDLE: Situation = { ...CONNECTING, underWay: false };

function press(key: string, more: Partial<Press> = {}): Press {
  const plain = { repeat: false, modified: false, composing: false, used: false, editable: false, control: false };
  return { key, ...plain, ...more };
}

describe("a shortcut", () => {
  it.each([
    ["m", "mute"],
    ["M", "mute"], // caps lock
    ["s", "settings"],
    [" ", "talk"],
    ["x", null],
    ["Enter", null],
  ])("%j is %s", (key, action) => {
    expect(actionOf(press(key), LIVE)).toBe(action);
  });

  it.each(["modified", "composing", "used", "editable"] as const)("is none when %s", (why) => {
    for (const key of ["m", "s", " "]) expect(actionOf(press(key, { [why]: true }), LIVE)).toBeNull();
  });

  it("is none when shortcuts are switched off", () => {
    for (const key of ["m", "s", " "]) expect(actionOf(press(key), { ...LIVE, shortcuts: false })).toBeNull();
  });

  it("of a letter happens once however long the key is held", () => {
    expect(actionOf(press("m", { repeat: true }), LIVE)).toBeNull();
    expect(actionOf(press("s", { repeat: true }), LIVE)).toBeNull();
  });
});

describe("the space bar", () => {
  it("talks on every control of a live conversation", () => {
    expect(actionOf(press(" ", { control: true }), LIVE)).toBe("talk");
    expect(actionOf(press(" ", { control: true, repeat: true }), LIVE)).toBe("talk");
  });

  it("presses the focused button before the conversation is live, and talks elsewhere", () => {
    expect(actionOf(press(" ", { control: true }), CONNECTING)).toBeNull();
    expect(actionOf(press(" "), CONNECTING)).toBe("talk");
  });

  it("belongs to the browser without a conversation or without push to talk", () => {
    expect(actionOf(press(" "), IDLE)).toBeNull();
    expect(actionOf(press(" "), { ...LIVE, pushToTalk: false })).toBeNull();
  });
});

it("a held Enter key activates a control once", () => {
  expect(activatesAgain(press("Enter", { control: true }))).toBe(false);
  expect(activatesAgain(press("Enter", { control: true, repeat: true }))).toBe(true);
  expect(activatesAgain(press("Enter", { repeat: true, editable: true }))).toBe(false); // lines in a text
});
