import { expect, it } from "vitest";
import { Heartbeat, UNANSWERED_PINGS } from "./heartbeat";

function lostAfter(heartbeat: Heartbeat): number {
  let pings = 1;
  while (!heartbeat.beat()) pings++;
  return pings;
}

it("a connection is lost when no ping is answered", () => {
  expect(lostAfter(new Heartbeat())).toBe(UNANSWERED_PINGS + 1);
});

it("any message from the server starts the count again", () => {
  const heartbeat = new Heartbeat();
  for (let ping = 0; ping < UNANSWERED_PINGS; ping++) heartbeat.beat();
  heartbeat.heard();
  expect(lostAfter(heartbeat)).toBe(UNANSWERED_PINGS + 1);
});
