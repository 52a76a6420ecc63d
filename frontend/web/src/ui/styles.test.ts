/** The compiler does not know the classes of a stylesheet: this test does. */

import { expect, it } from "vitest";

const sheets = import.meta.glob<string>("./**/*.module.css", { query: "?raw", import: "default", eager: true });
const modules = import.meta.glob<string>(["./**/*.{ts,tsx}", "!./**/*.test.ts"], {
  query: "?raw",
  import: "default",
  eager: true,
});

/** The classes that a stylesheet has. */
function classesOf(css: string): Set<string> {
  const selectors = css.replace(/\/\*.*?\*\//gs, "").match(/[^{};]+(?=\{)/g) ?? [];
  return new Set(selectors.join(" ").match(/(?<=\.)[a-zA-Z]\w*/g));
}

/** The classes that a module takes from each stylesheet, by the stylesheet's path. */
function usesOf(path: string, source: string): [sheet: string, name: string][] {
  const imports = source.matchAll(/import (?:\* as (\w+)|\{([^}]*)\}) from "(\.[^"]*\.module\.css)"/g);
  return [...imports].flatMap(([, all, some, specifier]) => {
    const sheet = `.${new URL(specifier as string, `file:///${path}`).pathname}`;
    const names = all ? source.match(new RegExp(`(?<=(?<![.\\w])${all}\\.)\\w+`, "g")) : some?.match(/\w+/g);
    return (names ?? []).filter((name) => name !== "module").map((name): [string, string] => [sheet, name]);
  });
}

const uses = Object.entries(modules).flatMap(([path, source]) => usesOf(path.slice(2), source));

it.each(Object.entries(sheets))("%s has the classes that components use, and no others", (path, css) => {
  const used = uses.filter(([sheet]) => sheet === path).map(([, name]) => name);
  expect([...classesOf(css)].sort()).toEqual([...new Set(used)].sort());
});

it("every stylesheet that is imported is there", () => {
  expect(Object.keys(sheets).length).toBeGreaterThan(20);
  expect(uses.filter(([sheet]) => !(sheet in sheets))).toEqual([]);
});

it("stylesheets have different names, which their classes begin with", () => {
  const names = Object.keys(sheets).map((path) => path.split("/").at(-1));
  expect(names).toEqual([...new Set(names)]);
});

it("classes and their uses are found", () => {
  expect([...classesOf("/* .no { } */ .a > b:not(.c) { margin: 0.5rem } @media (x) { .d::before { } }")]).toEqual([
    "a",
    "c",
    "d",
  ]);
  const source =
    'import * as one from "../one.module.css";\nimport { b } from "./two.module.css";\none.a; b; line.one.no';
  expect(usesOf("x/y.tsx", source)).toEqual([
    ["./one.module.css", "a"],
    ["./x/two.module.css", "b"],
  ]);
});
