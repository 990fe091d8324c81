// docs/security.md: every promise names tests, and these exist.
import * as fs from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { titlesOf } from "../support/titles.ts";

const read = (path: string) =>
  fs.readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");
const document = read("docs/security.md");

/** `folder/file: name of the test`. */
const NAMED = /`([a-z]+\/[\w-]+): ([^`]+)`/g;

/** The rows of all tables of promises. */
const promises = document
  .split("| promise | tests |\n|---|---|\n")
  .slice(1)
  .flatMap((table) => table.split("\n\n")[0]?.trim().split("\n") ?? []);

test("every promise names tests", () => {
  expect(promises.length).toBeGreaterThan(30);
  expect(promises.filter((row) => [...row.matchAll(NAMED)].length === 0)).toEqual([]);
});

test("every test that is named exists", () => {
  const named = promises
    .flatMap((row) => [...row.matchAll(NAMED)])
    .map(([, file, name = ""]) => ({ file, name }));
  expect(named.length).toBeGreaterThan(promises.length);
  const missing = named.filter(({ file, name }) => !titlesOf(`${file}.test.ts`).has(name));
  expect(missing).toEqual([]);
});
