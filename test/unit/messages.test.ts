// docs/messages/: every message of an error, from the code.
import * as fs from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Code } from "../../packages/core/fault.ts";
import { collect } from "../../scripts/messages/collect.ts";
import { pages } from "../../scripts/messages/print.ts";
import { collectFromShim } from "../../scripts/messages/shim.ts";

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

test("the shim's messages are there, with their codes", () => {
  expect(collectFromShim()).toContainEqual({
    file: "launcher/shim/shim.c",
    codes: [999],
    text: "no resident process serves this call: execve ‹…›: ‹…›; run plexus install",
  });
});

test("the table of codes has each code that Plexus gives", () => {
  const rows = fs.readFileSync(`${docs}messages.md`, "utf8").matchAll(/^\| (\d+) \|/gm);
  expect([...rows].map(([, code]) => Number(code))).toEqual(Object.values(Code));
});
