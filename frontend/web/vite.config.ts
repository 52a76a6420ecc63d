import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "./", // under whatever prefix a reverse proxy puts the page
  build: {
    outDir: "../src/moshi_frontend/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the content security policy allows no data: scripts
    modulePreload: { polyfill: false }, // an inline script otherwise
  },
  css: { modules: { generateScopedName: scopedName } },
  worker: { format: "es" },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: { proxy: { "/api": { target: "http://localhost:8080", ws: true } } },
  test: { environment: "node", css: true, include: ["src/**/*.test.ts"], testTimeout: 30_000 },
});

/** "captions-line" for .line of captions.module.css: short and readable. Files have different names. */
function scopedName(name: string, file: string): string {
  return `${/([\w-]+)\.module\.css/.exec(file)?.[1]}-${name}`;
}
