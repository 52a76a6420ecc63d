/** The codes of WebSocket close frames, as docs/protocol.md describes them. */

/** By meaning. */
export const CloseCode = {
  finished: 1000,
  goingAway: 1001,
  /** Never in a frame: the browser reports a lost or refused connection with this code. */
  lost: 1006,
  notAllowed: 1008,
  engineFailed: 1011,
  moshiLost: 1012,
  tryLater: 1013,
  tooSlow: 4000,
  badSetting: 4001,
  idle: 4002,
  /** Never in a frame: the page's own code for a call that broke in the browser. */
  browserFailed: 4999,
} as const;
