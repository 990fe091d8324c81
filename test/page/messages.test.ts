// A search in the documentation's site finds the entry of any message: with real values in its places.

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { parse } from "@babel/parser";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { collect } from "../../scripts/messages/collect.ts";
import { collectFromShim } from "../../scripts/messages/shim.ts";
import { binary } from "../support/binary.ts";
import { Site } from "./browser.ts";

let site: Site;
beforeAll(async () => {
  site = await Site.open();
});
afterAll(() => site.close());
afterEach(() => {
  expect(site.errors.splice(0)).toEqual([]);
});

const templates = [...collect(), ...collectFromShim()].map(({ text }) => ({
  text,
  expression: expressionOf(text),
}));

/** What a message looks like, wherever it stands in another one. */
function expressionOf(text: string): RegExp {
  const parts = text.split(/‹[^›]*›/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(parts.join("[^]*?"));
}

/** Returns the entry that a message is of: of those that it could be, the one with the most words. */
function entryOf(message: string): string | undefined {
  const fitting = templates.filter(({ expression }) => expression.test(message)).map(({ text }) => text);
  return fitting.sort((a, b) => wordsIn(b) - wordsIn(a))[0];
}

/** Returns the entries that a part of a message can be of: one of its longer pieces is in the part, or the other way round. */
function entriesOfPart(part: string): string[] {
  const long = (text: string) => text.split(/‹[^›]*›/).filter((piece) => piece.trim().split(" ").length > 4);
  return templates
    .filter(({ text }) =>
      long(text).some((piece) => part.includes(piece.trim()) || piece.includes(part.trim())),
    )
    .map(({ text }) => text);
}

function wordsIn(text: string): number {
  return text.replace(/‹[^›]*›/g, "").length;
}

/** Tells whether a search for a message has one of its entries among the first. */
async function isFound(message: string, entries: string[], first: number): Promise<boolean> {
  const found = await site.search(message);
  return found.slice(0, first).some(({ title }) => entries.includes(title));
}

/** What the binary answers, or says on stderr. */
function said(args: string[], env: Record<string, string> = {}, input = ""): string {
  const { stdout, stderr } = spawnSync(binary, args, { env, input, encoding: "utf8" });
  return stdout.startsWith("{") ? (JSON.parse(stdout) as { msg: string }).msg : stderr.trim();
}

const ADD = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "c0ffee",
  CNI_NETNS: "/var/run/netns/none",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/opt/cni/bin",
};
const conf = (more: object) =>
  JSON.stringify({ cniVersion: "1.0.0", name: "node-network", type: "plexus", ...more });

test.each([
  ["a conf without networks", [], ADD, conf({})],
  ["a conf that is cut off", [], ADD, '{"cniVersion": "1.0.0",'],
  ["a version that there is not", [], ADD, conf({ cniVersion: "9.0.0", delegates: [{ type: "bridge" }] })],
  ["a wrong type", [], ADD, conf({ delegates: [{ type: "bridge" }], maxNetworks: "many" })],
  [
    "a verb that there is not",
    [],
    { ...ADD, CNI_COMMAND: "FIND" },
    conf({ delegates: [{ type: "bridge" }] }),
  ],
  ["a plugin that is not there", [], ADD, conf({ delegates: [{ type: "no-such-plugin" }] })],
  ["a network that is not there", [], ADD, conf({ clusterNetwork: "/does/not/exist.conf" })],
  ["a path for a type", [], ADD, conf({ delegates: [{ type: "../bridge" }] })],
  [
    "an interface's name that is too long",
    [],
    { ...ADD, CNI_IFNAME: "an-interface-with-a-name" },
    conf({ delegates: [{ type: "bridge" }] }),
  ],
  [
    "a kubeconfig that is not there",
    [],
    { ...ADD, CNI_ARGS: "K8S_POD_NAME=p;K8S_POD_NAMESPACE=n" },
    conf({ kubeconfig: "/no/kubeconfig", delegates: [{ type: "bridge" }] }),
  ],
  ["a file that is not there", ["lint", "/no/such/file.yaml"], {}, ""],
  ["a container that is not there", ["forget", "0123456789abcdef"], {}, ""],
  ["no command", ["explode"], {}, ""],
  [
    "two options that exclude each other",
    ["install", "--resident", "--one-shot", "--root", "/does/not/exist"],
    {},
    "",
  ],
])("the search finds what the binary says of %s", async (_, args, env, input) => {
  const message = said(args, env, input);
  const entry = entryOf(message);
  expect(entry, message).toBeDefined();
  await site.goto("index.html");
  expect({ message, isFound: await isFound(message, [entry ?? ""], 3) }).toEqual({ message, isFound: true });
});

/** A node of Babel's tree. */
// biome-ignore lint/suspicious/noExplicitAny: its members are looked for by name.
type Tree = { type: string } & Record<string, any>;

/** Returns the texts in a program, those that are put together as one; a value that is put in is a word. */
function textsIn(node: Tree): string[] {
  const text = textOf(node);
  if (text !== undefined) return [text];
  return Object.values(node).flatMap((child) =>
    [child].flat().flatMap((one) => (typeof one?.type === "string" ? textsIn(one as Tree) : [])),
  );
}

function textOf(node: Tree): string | undefined {
  if (node.type === "StringLiteral") return node.value;
  if (node.type === "TemplateLiteral")
    return node.quasis.map((one: Tree) => one.value.cooked).join("value-4711");
  if (node.type !== "BinaryExpression" || node.operator !== "+") return undefined;
  const [left, right] = [textOf(node.left), textOf(node.right)];
  return left === undefined || right === undefined ? undefined : left + right;
}

/** Messages, and parts of them, that tests of the running program expect, with the entries that they can be of. */
function expectedMessages(): Map<string, string[]> {
  const directory = new URL("../", import.meta.url);
  const files = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) =>
    /^(unit|netns|kube|resident|runtime|hostile|shim|sriov|vectors)\/.*\.test\.ts$/.test(name),
  );
  const found = new Map<string, string[]>();
  for (const file of files) {
    const { program } = parse(readFileSync(new URL(file, directory), "utf8"), {
      sourceType: "module",
      plugins: ["typescript"],
    });
    for (const message of textsIn(program as unknown as Tree)) {
      const whole = entryOf(message);
      const entries =
        message.split(" ").length < 6
          ? []
          : [...(whole === undefined ? [] : [whole]), ...entriesOfPart(message)];
      if (entries.length > 0) found.set(message.replace(/\s+/g, " ").trim(), entries);
    }
  }
  return found;
}

test("the search finds the entry of each message, and of each part of one, that a test of the program expects", async () => {
  await site.goto("index.html");
  const expected = expectedMessages();
  expect(expected.size).toBeGreaterThan(80);
  const missed: string[] = [];
  for (const [message, entries] of expected) if (!(await isFound(message, entries, 5))) missed.push(message);
  expect(missed).toEqual([]);
});
