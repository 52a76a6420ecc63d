import { useEffect, useState } from "preact/hooks";
import { strings } from "../strings";
import { clock } from "../transcript/transcript";
import { Changing } from "./changing";

/** Time since `since`, ms since the epoch. */
export function Elapsed({ since }: { since: number }) {
  return (
    <span role="timer">
      <Changing>{clock(Math.max(0, useNow() - since))}</Changing>
    </span>
  );
}

/** Time until `until`, ms since the epoch. */
export function Remaining({ until }: { until: number }) {
  const seconds = Math.max(0, Math.ceil((until - useNow()) / 1000));
  return (
    <span role="timer">
      <Changing>{strings.inTime(strings.duration(seconds))}</Changing>
    </span>
  );
}

/** Milliseconds since the epoch, every second or so. */
function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  return now;
}
