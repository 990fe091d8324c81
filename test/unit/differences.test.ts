// docs/differences.md: every difference from Multus says why, and names tests that exist.
import * as fs from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { loadCore } from "../support/core.ts";
import { titlesOf } from "../support/titles.ts";

const read = (path: string) =>
  fs.readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");
const document = read("docs/differences.md");

/** The rows of all tables: their cells. */
const rows = document
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/\| why \| tests \|$/.test(line))
  .map((line) => line.slice(2, -2).split(" | "));

/** `folder/file: name of the test`. */
const NAMED = /`` ([a-z]+\/[\w-]+): (.+?) ``|`([a-z]+\/[\w-]+): ([^`]+)`/g;

test("every difference says why, and which tests show it", () => {
  expect(rows.length).toBeGreaterThan(80);
  const without = rows.filter((cells) => [...(cells.at(-1) ?? "").matchAll(NAMED)].length === 0);
  expect(without).toEqual([]);
  for (const cells of rows) expect((cells.at(-2) ?? "").length, cells[0]).toBeGreaterThan(10);
});

test("every test that is named exists", () => {
  const named = rows
    .flatMap((cells) => [...(cells.at(-1) ?? "").matchAll(NAMED)])
    .map(([, file, name, file2 = "", name2 = ""]) => ({ file: file ?? file2, name: name ?? name2 }));
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter(({ file, name }) => !titlesOf(`${file}.test.ts`).has(name))).toEqual([]);
});

const core = loadCore();
const settingsOf = (text: string) => core.netconf(new TextEncoder().encode(text));

test("a key in another case is another key", () => {
  const conf =
    '{"cniVersion": "1.0.0", "name": "n", "delegates": [{"type": "bridge"}], "MaxNetworks": 5, "CniVersion": "x"}';
  expect(settingsOf(conf)).toMatchObject({ cniVersion: "1.0.0", maxNetworks: 100 });
});

test("of a repeated key the last one counts", () => {
  const conf =
    '{"cniVersion": "1.0.0", "name": "n", "delegates": [{"type": "bridge"}], "maxNetworks": 5, "maxNetworks": 7}';
  expect(settingsOf(conf)).toMatchObject({ maxNetworks: 7 });
});
