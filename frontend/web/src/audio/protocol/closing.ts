/** The end of a connection. The codes of close frames are in generated.ts; the page has two more. */

/** Never in a frame: the browser reports a lost or refused connection with this code. */
export const LOST = 1006;
/** Never in a frame: the page's own code for a call that broke in the browser. */
export const BROWSER_FAILED = 4999;

/** Code and reason of an end. */
export interface Closing {
  code: number;
  reason: string;
  /** Seconds after which to try again; null where the service does not say. */
  retryAfter: number | null;
}

/** The content of a close frame, whose reason may end with "; Retry-After: seconds". */
export function closing(code: number, text: string): Closing {
  const [advice = "", seconds] = /[;,.]?\s*Retry-After: (\d+)$/.exec(text) ?? [];
  const reason = text.slice(0, text.length - advice.length);
  return { code, reason, retryAfter: seconds === undefined ? null : Number(seconds) };
}
