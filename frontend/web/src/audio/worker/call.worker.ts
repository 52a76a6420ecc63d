/** The thread of a call: the page's work never delays sound. Sound passes straight between it and the worklets. */

import { BROWSER_FAILED } from "../protocol/closing";
import { Connection } from "./connection";
import type { Connect, FromWorker, ToWorker } from "./messages";

let connection: Connection | null = null;

function tell(message: FromWorker): void {
  self.postMessage(message);
}

async function start(options: Connect): Promise<void> {
  tell({ type: "started" });
  connection = new Connection(options, tell);
  await connection.loadCodec();
}

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === "connect") {
    const code = BROWSER_FAILED;
    start(data).catch((error: unknown) => tell({ type: "close", code, reason: String(error) }));
  } else if (connection) connection.hangUp();
  else self.close();
};
