import { expect, it } from "vitest";
import { DOUBTED_PINGS, Heartbeat, UNANSWERED_PINGS } from "./heartbeat";

let now = 0;

function beat(heartbeat: Heartbeat): boolean {
  now += 1000;
  return heartbeat.beat(now);
}

function lostAfter(heartbeat: Heartbeat): number {
  let pings = 1;
  while (!beat(heartbeat)) pings++;
  return pings;
}

it("a connection is lost when no ping is answered", () => {
  expect(lostAfter(new Heartbeat())).toBe(UNANSWERED_PINGS + 1);
});

it("any message from the server starts the count again", () => {
  const heartbeat = new Heartbeat();
  for (let ping = 0; ping < UNANSWERED_PINGS; ping++) beat(heartbeat);
  heartbeat.heard();
  expect(lostAfter(heartbeat)).toBe(UNANSWERED_PINGS + 1);
});

it("a change of the network leaves less time, and no more than there was", () => {
  const heartbeat = new Heartbeat();
  heartbeat.doubt();
  expect(lostAfter(heartbeat)).toBe(DOUBTED_PINGS + 1);
  const late = new Heartbeat();
  for (let ping = 0; ping < UNANSWERED_PINGS - 1; ping++) beat(late);
  late.doubt();
  expect(lostAfter(late)).toBe(2);
});

it("so does a sleep, and a message ends the doubt", () => {
  const slept = new Heartbeat();
  beat(slept);
  now += 30_000;
  expect(lostAfter(slept)).toBe(DOUBTED_PINGS + 1);
  const survived = new Heartbeat();
  beat(survived);
  now += 30_000;
  beat(survived);
  survived.heard();
  expect(lostAfter(survived)).toBe(UNANSWERED_PINGS + 1);
});
