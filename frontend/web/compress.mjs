// Puts a .br and a .gz beside every built file that gets smaller by it; the service sends them as they are.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const folder = process.argv[2];
const WORTH_IT = 0.95;
const TEXT = /\.(html|js|css|svg|json|wasm)$/;

for (const name of readdirSync(folder, { recursive: true })) {
  const path = join(folder, name);
  if (!TEXT.test(name) || !statSync(path).isFile()) continue;
  const content = readFileSync(path);
  const packed = {
    br: brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } }),
    gz: gzipSync(content, { level: 9 }),
  };
  for (const [ending, bytes] of Object.entries(packed)) {
    if (bytes.length < content.length * WORTH_IT) writeFileSync(`${path}.${ending}`, bytes);
  }
}
