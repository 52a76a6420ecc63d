/** Builds the npm package: `npm run package`. Each file of it works alone, so that bundlers may copy them anywhere. */
import { readdirSync, readFileSync } from "node:fs";
import { defineConfig } from "vite";

const alone = { codeSplitting: false };

export default defineConfig({
  base: "./",
  publicDir: "embed", // package.json, README.md
  build: {
    outDir: "../../.state/package",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: "src/embed/index.ts",
      preserveEntrySignatures: "strict",
      output: { entryFileNames: "index.js", assetFileNames: "[name][extname]", ...alone },
    },
  },
  worker: {
    format: "es",
    plugins: () => [licences()], // only the worker has code of others
    rolldownOptions: { output: { entryFileNames: "[name].js", ...alone } },
  },
});

/** LICENSE is ours. LICENSES.md has the texts of all packages whose code is in the bundle. */
function licences() {
  return {
    name: "licences",
    generateBundle(_options, bundle) {
      const modules = Object.values(bundle).flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
      const folders = modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []);
      const texts = [...new Set(folders)].sort().map(licenceOf);
      if (texts.length === 0) return;
      const source = `This package contains code of these packages.\n\n${texts.join("\n")}`;
      this.emitFile({ type: "asset", fileName: "LICENSES.md", source });
      this.emitFile({ type: "asset", fileName: "LICENSE", source: readFileSync("../../LICENSE") });
    },
  };
}

/** @throws Error if a package names no licence */
function licenceOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  if (!license) throw new Error(`${folder} names no licence`);
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|third_party_notices)/i.test(file));
  const texts = files.map((file) => readFileSync(`${folder}/${file}`, "utf8"));
  return `## ${name} ${version}, ${license}\n\n${texts.join("\n")}`;
}
