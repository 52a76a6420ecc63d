/** Which folder of the page may import which, and that no module imports itself by way of others. */

import { expect, it } from "vitest";

/** The folders that each folder may import besides itself. "." is strings.ts; main.tsx may import everything. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  ui: ["ui/settings", "conversation", "audio", "audio/codec", "audio/protocol", "service", "transcript", "common", "."],
  "ui/settings": ["ui", "conversation", "audio", "service", "common", "."],
  embed: ["audio", "audio/protocol"],
  conversation: ["audio", "audio/protocol", "service", "transcript", "common", "."],
  audio: ["audio/worker", "audio/codec", "audio/protocol", "audio/worklets", "common"],
  "audio/worker": ["audio/codec", "audio/protocol"],
  "audio/worklets": ["audio/codec"],
  "audio/codec": [],
  "audio/protocol": [],
  service: ["common"],
  transcript: ["common", "."],
  common: [],
  ".": [],
};

type Modules = Readonly<Record<string, string>>;
/** The imports of each module: both are paths inside src/. */
type Graph = ReadonlyMap<string, readonly string[]>;

const IMPORT = /(?:\bfrom|\bimport|new URL\()\s*\(?"(\.{1,2}\/[^"?]*)/g;

/** @param modules their source by path */
function graphOf(modules: Modules): Graph {
  const paths = Object.keys(modules);
  const resolved = (from: string, specifier: string): string => {
    const path = new URL(specifier, `file:///${from}`).pathname.slice(1);
    const found = paths.find((one) => [path, `${path}.ts`, `${path}.tsx`, `${path}.d.ts`].includes(one));
    if (!found) throw new Error(`${from} imports ${specifier}, which is no module`);
    return found;
  };
  return new Map(
    paths.map((path) => {
      const specifiers = [...(modules[path] as string).matchAll(IMPORT)].map(([, specifier]) => specifier as string);
      return [path, specifiers.map((specifier) => resolved(path, specifier))];
    }),
  );
}

/** The folder of a path; "." for none. */
function dirname(path: string): string {
  return path.split("/").slice(0, -1).join("/") || ".";
}

function wrongImports(graph: Graph): string[] {
  return [...graph].flatMap(([from, imported]) =>
    imported
      .filter((to) => dirname(to) !== dirname(from) && !MAY_IMPORT[dirname(from)]?.includes(dirname(to)))
      .map((to) => `${from} → ${to}`),
  );
}

/** The modules of one cycle, or none. */
function cycle(graph: Graph): readonly string[] {
  const done = new Set<string>();
  const visit = (module: string, path: readonly string[]): readonly string[] => {
    if (path.includes(module)) return [...path.slice(path.indexOf(module)), module];
    if (done.has(module)) return [];
    for (const next of graph.get(module) ?? []) {
      const found = visit(next, [...path, module]);
      if (found.length > 0) return found;
    }
    done.add(module);
    return [];
  };
  for (const module of graph.keys()) {
    const found = visit(module, []);
    if (found.length > 0) return found;
  }
  return [];
}

const sources = import.meta.glob<string>(["./**/*.{ts,tsx,css}", "!./**/*.test.ts", "!./main.tsx"], {
  query: "?raw",
  import: "default",
  eager: true,
});
const page = graphOf(Object.fromEntries(Object.entries(sources).map(([path, source]) => [path.slice(2), source])));

it("the page's folders import only those below them", () => {
  expect(page.size).toBeGreaterThan(80);
  expect(page.get("ui/captions.tsx")).toContain("transcript/captions.ts");
  expect(page.get("audio/call.ts")).toContain("audio/worker/call.worker.ts");
  expect(wrongImports(page)).toEqual([]);
  expect([...page.keys()].filter((path) => !(dirname(path) in MAY_IMPORT))).toEqual([]);
});

it("the page's modules import each other in no circle", () => {
  expect(cycle(page)).toEqual([]);
});

it.each([
  ['import { a } from "../ui/b";', "ui/b.tsx"],
  ['import type { a } from "../ui/b";', "ui/b.tsx"],
  ['export { a } from "../ui/b";', "ui/b.tsx"],
  ['import "../ui/b.css";', "ui/b.css"],
  ['const a = await import("../ui/b");', "ui/b.tsx"],
  ['new Worker(new URL("../ui/b.ts", import.meta.url));', "ui/b.ts"],
  ['import url from "../ui/b?worker&url";', "ui/b.tsx"],
  ['import {\n  a,\n} from "../ui/b";', "ui/b.tsx"],
])("a wrong import would be found: %s", (source, target) => {
  const graph = graphOf({ "audio/a.ts": source, [target]: "" });
  expect(wrongImports(graph)).toEqual([`audio/a.ts → ${target}`]);
});

it("a circle would be found", () => {
  const circle = { "ui/a.ts": 'import "./b";', "ui/b.ts": 'import "./c";', "ui/c.ts": 'import "./b";' };
  expect(cycle(graphOf(circle))).toEqual(["ui/b.ts", "ui/c.ts", "ui/b.ts"]);
});
