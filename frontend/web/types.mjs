// Writes the page's types of the protocol and of the HTTP interfaces from docs/reference/: `node types.mjs`.
// `node types.mjs --check` fails if they are not current.
import { readFileSync, writeFileSync } from "node:fs";
import { compile } from "json-schema-to-typescript";

const REFERENCE = new URL("../../docs/reference/", import.meta.url);
const OPTIONS = {
  additionalProperties: false,
  bannerComment: "/** Generated from docs/reference/ by `npm run types`. Do not edit. */",
  enableConstEnums: false,
  style: { printWidth: 120 },
};

const read = (name) => JSON.parse(readFileSync(new URL(name, REFERENCE), "utf8"));

/** Without the titles of properties, each of which would become a type. */
function withoutTitles(definitions) {
  for (const { properties = {} } of Object.values(definitions)) {
    for (const property of Object.values(properties)) delete property.title;
  }
  return definitions;
}

/** `/api/config`. The frontend passes moshi's `/api/info` on, so moshi's own description of it is used. */
function httpSchema() {
  const { MoshiInfo, ...frontend } = read("openapi-frontend.json").components.schemas;
  const definitions = withoutTitles({ ...read("openapi-moshi.json").components.schemas, ...frontend });
  const text = JSON.stringify({ ...definitions.Config, definitions })
    .replaceAll("#/components/schemas/MoshiInfo", "#/definitions/Info")
    .replaceAll("#/components/schemas/", "#/definitions/");
  return JSON.parse(text);
}

/** The events of `/api/chat`, and the two enumerations, which no event refers to. */
async function protocol() {
  const events = read("events.schema.json");
  const { Kind, CloseCode } = events.$defs;
  const parts = [await compile(events, "ServerEvent", OPTIONS)];
  for (const numbers of [Kind, CloseCode]) {
    parts.push(await compile(numbers, numbers.title, { ...OPTIONS, bannerComment: "" }));
  }
  return parts.join("\n");
}

const files = {
  "src/audio/protocol/generated.ts": await protocol(),
  "src/service/generated.ts": await compile(httpSchema(), "Config", OPTIONS),
};

for (const [path, text] of Object.entries(files)) {
  const file = new URL(path, import.meta.url);
  if (!process.argv.includes("--check")) writeFileSync(file, text);
  else if (readFileSync(file, "utf8") !== text) {
    console.error(`${path} is not current: run make docs`);
    process.exitCode = 1;
  }
}
