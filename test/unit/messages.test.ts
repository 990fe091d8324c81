// docs/messages/: every message of an error, from the code.
import * as fs from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { HINTS } from "../../launcher/cli/explain/hints.ts";
import { Code } from "../../packages/core/fault.ts";
import { COMMANDERS, collect, isMessage, isSentence, plainWords } from "../../scripts/messages/collect.ts";
import { ELSEWHERE, isElsewhere } from "../../scripts/messages/elsewhere.ts";
import { pages } from "../../scripts/messages/print.ts";
import { collectFromShim, NOT_SAID, shimSources } from "../../scripts/messages/shim.ts";
import { Sources } from "../../scripts/messages/source.ts";

const docs = fileURLToPath(new URL("../../docs/", import.meta.url));
const made = pages();
const messages = [...collect(), ...collectFromShim()];

test("every message of the code has its entry in docs/messages: npm run reference makes them", () => {
  const there = fs.readdirSync(`${docs}messages`).map((name) => `messages/${name}`);
  expect(there.sort()).toEqual([...made.keys()].sort());
  for (const [path, page] of made) expect(fs.readFileSync(`${docs}${path}`, "utf8"), path).toBe(page);
});

test.each([
  ["a literal", "the conf: it attaches nothing; set `clusterNetwork`", [7], "assembly/netconf/netconf.ts"],
  [
    "of a function that its callers give the reason",
    "‹source› is empty; write it anew",
    [7],
    "launcher/cluster/kubeconfig.ts",
  ],
  [
    "a constant, put together",
    "and what it has executed does not end: process ‹pids›",
    [11],
    "launcher/host/executions.ts",
  ],
  [
    "both words of a condition",
    "cannot be bound to ‹driver›: it is not in an IOMMU group",
    [50],
    "launcher/sriov/driver.ts",
  ],
  [
    "the options of a command",
    "--namespace and --all-namespaces: give one of the two",
    [],
    "launcher/cli/pods/command.ts",
  ],
])("the messages have %s, with code and file", (_, words, codes, file) => {
  const found = messages.filter(({ text }) => text.includes(words));
  expect(found.length).toBeGreaterThan(0);
  expect(found[0]).toMatchObject({ codes, file });
});

test.each([
  "--‹option› ‹value›: an absolute path is needed",
  "--‹option› ‹value›: a whole number from ‹least› to ‹most› is needed",
  "the state directory ‹values› does not exist; if confs have another cniDir, name it with --cni-dir",
  "unknown command '‹name›'; did you mean ‹name›?",
  "there are too many arguments; `‹command› --help` says what there is",
  'unknown logLevel "‹logLevel›": only "panic" is logged',
  '‹what›: `attach` must be "sequential" or "parallel"',
  "‹what›: it must be an object; its members are ‹shape›",
])("what is not thrown, and what a value is in, is there: %s", (text) => {
  expect(messages.map((one) => one.text)).toContain(text);
});

test("commander's words are those of the commander that is used", () => {
  const source = fs.readFileSync(
    new URL("../../node_modules/commander/lib/command.js", import.meta.url),
    "utf8",
  );
  const plain = source.replace(/\$\{[^}]*\}/g, "‹›");
  for (const words of COMMANDERS) expect(plain).toContain(`error: ${words.replace(/‹[^›]*›/g, "‹›")}`);
});

test("no entry has words for a place that is left empty, or begins in the middle", () => {
  const bad = messages.filter(({ text }) => /^‹[^›]* |; see$| in : |lacks,/.test(text));
  expect(bad).toEqual([]);
});

test("the shim's messages are there, with their codes", () => {
  expect(messages).toContainEqual({
    file: "launcher/shim/shim.c",
    codes: [5],
    text: "no resident process serves this call: execve ‹…›: ‹…›; run plexus install",
    remedies: [],
  });
});

test("the table of codes has each code that Plexus gives", () => {
  const rows = fs.readFileSync(`${docs}messages.md`, "utf8").matchAll(/^\| (\d+) \|/gm);
  expect([...rows].map(([, code]) => Number(code))).toEqual(Object.values(Code));
});

/** The pages' messages, and what mends them. */
const entries = [...made.values()].join("\n").replaceAll("\\|", "|");

const TEXTS = [
  new Sources(["assembly"], /^assembly\/lint\/|\/abi\.ts$/),
  new Sources(["packages/core", "launcher"], /^packages\/core\/(fault\.ts|schema\/|node_modules\/)/),
].flatMap(({ texts }) => texts);

test("no text of the program lacks an entry, but what is in a place that has no messages", () => {
  const texts = TEXTS.filter(({ words, place }) => isMessage(plainWords(words), place));
  expect(texts.length).toBeGreaterThan(1000);
  const said = texts.filter(({ place }) => !isElsewhere(place));
  expect(said.length).toBeGreaterThan(800);
  const without = said.filter(({ words }) => !entries.includes(plainWords(words).replace(/^[:;,.)\s]+/, "")));
  expect(without.map(({ place, words }) => `${place}: ${words}`)).toEqual([]);
});

test.each(ELSEWHERE)("a place without messages is there: %s", (place) => {
  expect(TEXTS.filter((text) => place.test(text.place)).length).toBeGreaterThan(0);
});

test("what others say has what explain says to do about it, and all of that", () => {
  const others = messages.filter(({ file }) => file === "launcher/cli/explain/hints.ts");
  expect([...new Set(others.flatMap(({ remedies }) => remedies))].sort()).toEqual(
    HINTS.map(([, hint]) => hint).sort(),
  );
});

test("no text of the shim lacks an entry", () => {
  const texts = [...shimSources().values()].flatMap((source) =>
    [...source.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = ""]) =>
      text.replaceAll('\\"', '"').replaceAll("\\n", " "),
    ),
  );
  const said = texts.filter((text) => isSentence(text) && !NOT_SAID.test(text));
  expect(said.length).toBeGreaterThan(60);
  const pieces = said.flatMap((text) => text.split(/%[.\da-z]*[sdu]/)).map((text) => text.trim());
  expect(pieces.filter((text) => isSentence(text) && !entries.includes(text))).toEqual([]);
});
