// Inputs as users get them wrong: each gives one finding, which names the place and the remedy. `UPDATE=1` writes down anew what
// is found; read the difference before you keep it.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { lintSources } from "../../launcher/cli/findings.ts";
import { loadLint } from "../support/core.ts";

const dir = new URL("../fixtures/lint/broken/", import.meta.url);
const core = loadLint();
/** Ends an input; what is found follows. */
const END = "---->";

interface Case {
  name: string;
  text: string;
  golden: string;
}

function casesOf(file: string): Case[] {
  return readFileSync(new URL(file, dir), "utf8")
    .split(/^=== /m)
    .slice(1)
    .map((part) => {
      const [head = "", golden = ""] = part.split(`${END}\n`);
      const [name = "", ...lines] = head.split("\n");
      return { name, text: lines.join("\n"), golden: golden.trimEnd() };
    });
}

function found(name: string, text: string): string[] {
  return lintSources(core, [{ name, text }], "default").located.map(
    ({ line, column, severity, found: what, remedy, rule }) =>
      `${line}:${column}: ${severity}: ${what}; ${remedy} [${rule}]`,
  );
}

const files = readdirSync(dir);

if (process.env.UPDATE) {
  for (const file of files) {
    const parts = casesOf(file).map(
      ({ name, text }) => `=== ${name}\n${text}${END}\n${found(name, text).join("\n")}\n`,
    );
    writeFileSync(new URL(file, dir), parts.join(""));
  }
}

test.each(files)("%s: each input gives one finding, with its place and its remedy", (file) => {
  const cases = casesOf(file);
  expect(cases.map(({ name, text }) => [name, found(name, text)])).toEqual(
    cases.map(({ name, golden }) => [name, [golden]]),
  );
});

test("there are 200 of them at least", () => {
  expect(files.flatMap(casesOf).length).toBeGreaterThanOrEqual(200);
});
