// docs/messages/: every message of an error, from the code.
import * as fs from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Code } from "../../packages/core/fault.ts";
import { COMMANDERS, collect } from "../../scripts/messages/collect.ts";
import { pages } from "../../scripts/messages/print.ts";
import { collectFromShim } from "../../scripts/messages/shim.ts";
import { type Node, Sources } from "../../scripts/messages/source.ts";

const docs = fileURLToPath(new URL("../../docs/", import.meta.url));
const made = pages();

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
  const found = collect().filter(({ text }) => text.includes(words));
  expect(found.length).toBeGreaterThan(0);
  expect(found[0]).toMatchObject({ codes, file });
});

test.each([
  "--‹option› ‹value›: an absolute path is needed",
  "--‹option› ‹value›: a whole number from 1 to ‹most› is needed",
  "the state directory ‹values› does not exist; if confs have another cniDir, name it with --cni-dir",
  "unknown command '‹name›'; did you mean ‹name›?",
  "there are too many arguments; `‹command› --help` says what there is",
  'unknown logLevel ‹logLevel›: only "panic" is logged',
  '‹what›: `attach` must be "sequential" or "parallel"',
  "‹what›: it must be an object; its members are ‹shape›",
])("what is not thrown, and what a value is in, is there: %s", (text) => {
  expect(collect().map((one) => one.text)).toContain(text);
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
  const bad = [...collect(), ...collectFromShim()].filter(({ text }) =>
    /^‹[^›]* |; see$| in : |lacks,/.test(text),
  );
  expect(bad).toEqual([]);
});

test("the shim's messages are there, with their codes", () => {
  expect(collectFromShim()).toContainEqual({
    file: "launcher/shim/shim.c",
    codes: [5],
    text: "no resident process serves this call: execve ‹…›: ‹…›; run plexus install",
  });
});

test("the table of codes has each code that Plexus gives", () => {
  const rows = fs.readFileSync(`${docs}messages.md`, "utf8").matchAll(/^\| (\d+) \|/gm);
  expect([...rows].map(([, code]) => Number(code))).toEqual(Object.values(Code));
});

/** Calls whose arguments are messages. */
const SAYS = /^(Fault|Error|failAt|warn|fail|report|complain|reject)$/;

const IS_PUT_TOGETHER =
  "its end is of too many kinds, or put together elsewhere: the reader of the code does not follow it";
const GOES_ON = "it is written to the log of a call that goes on, or is tried again";

/** Words of such calls that have no entry, with the reason. */
const WITHOUT_ENTRY: Record<string, string> = {
  "a file of the result cache: it is not a cniCacheV1": GOES_ON,
  "the scratch file: it is not a list": GOES_ON,
  "is not an interface name": GOES_ON,
  "cannot ask the API server for the pod": GOES_ON,
  "cannot determine what was attached": GOES_ON,
  "the executor does not say which sandboxes there are": GOES_ON,
  "cannot be undone yet": GOES_ON,
  "this could not be looked at:": IS_PUT_TOGETHER,
  "the server has ended the watch after": IS_PUT_TOGETHER,
  "no such device": IS_PUT_TOGETHER,
  "cannot do this through the shim:": IS_PUT_TOGETHER,
  "; plexus on the node does it": IS_PUT_TOGETHER,
  "there is no rule for": "no user sees it: a table that the compiler has not held to its type",
};

/** Returns the texts in the arguments of a call; not what mends a line of doctor, which stands below it. */
function wordsOf(call: Node, file: string): string[] {
  const found: string[] = [];
  const visit = (node: Node): void => {
    if (node.type === "StringLiteral") found.push(node.value);
    if (node.type === "TemplateElement") found.push(node.value.cooked);
    for (const child of Object.values(node).flat()) if (child?.type) visit(child as Node);
  };
  const isDoctors = file.startsWith("launcher/cli/doctor/");
  for (const argument of isDoctors ? call.arguments.slice(0, 2) : call.arguments) visit(argument);
  return found
    .map((text) => text.replace(/\s+/g, " ").trim())
    .filter((text) => /[a-z]+ [a-z]+ [a-z]+/.test(text));
}

test("no words of a fault, a refusal, a warning or a line of doctor lack an entry, but those of a short list", () => {
  const entries = collect()
    .map(({ text }) => text)
    .join("\n");
  const sources = [
    new Sources(["assembly"], /^assembly\/lint\/|\/abi\.ts$/),
    new Sources(["packages/core", "launcher"], /^packages\/core\/(fault\.ts|schema\/|node_modules\/)/),
  ];
  const said = sources
    .flatMap(({ calls }) => calls)
    .filter(({ node }) => SAYS.test(node.callee.name ?? node.callee.property?.name ?? ""))
    .flatMap(({ node, scope }) => wordsOf(node, scope.file));
  expect(said.length).toBeGreaterThan(400);
  const without = said.filter((words) => !entries.includes(words));
  expect([...new Set(without)].sort()).toEqual(Object.keys(WITHOUT_ENTRY).sort());
});
