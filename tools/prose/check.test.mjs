// The check finds each planted sentence, wherever in a page it stands, and accepts plain sentences and code.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { createLinter, loadTextlintrc } from "textlint";
import { load } from "js-yaml";

process.chdir(dirname(fileURLToPath(import.meta.url)));
const { rules } = load(readFileSync("words.yml", "utf8"));
const linter = createLinter({ descriptor: await loadTextlintrc({ configFilePath: "textlintrc.json" }) });

/** The messages about a page of this text. */
async function found(text) {
  return (await linter.lintText(text, "page.md")).messages.map(({ message }) => message);
}

for (const { expected, specs } of rules) {
  const [{ from }] = specs;
  test(`finds: ${from}`, async () => {
    const messages = await found(`# Title\n\nIt starts. ${from}\n`);
    assert.equal(messages.length, 1);
    assert.match(messages[0], new RegExp(`=> ${expected}`));
  });
}

const [{ from: planted }] = rules[0].specs;

for (const [where, text] of Object.entries({
  heading: `# ${planted}`,
  "list item": `- ${planted}`,
  "table cell": `| a | b |\n|---|---|\n| c | ${planted} |`,
  link: `[${planted}](page.md)`,
  emphasis: `**${planted}**`,
  quotation: `> ${planted}`,
}))
  test(`looks into a ${where}`, async () => assert.equal((await found(text)).length, 1));

for (const text of [
  "The memory decides how many slots there are.",
  "A sentence may say what it wants, and to whom.",
  "# What do I need?",
  "Rows of a table are rows.",
  "`tick` is a name in the code.",
  "```\nWhat the program printed.\n```",
])
  test(`accepts: ${text}`, async () => assert.deepEqual(await found(text), []));

test("a bad page ends the command with an error, and a good one does not", () => {
  const check = (text) =>
    spawnSync("node_modules/.bin/textlint", ["--config", "textlintrc.json", "--stdin", "--stdin-filename", "page.md"], {
      input: text,
    }).status;
  assert.equal(check(`${planted}\n`), 1);
  assert.equal(check("It starts.\n"), 0);
});
