// A search in the documentation's site finds the entry of any message: with real values in its places.

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { collect } from "../../scripts/messages/collect.ts";
import { collectFromShim } from "../../scripts/messages/shim.ts";
import { Search } from "../../site/search.ts";
import { binary } from "../support/binary.ts";
import { SITE, Site } from "./browser.ts";

/** An entry is among so many that a reader sees without scrolling. */
const FIRST = 3;

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
  const parts = plain(text)
    .split(/‹[^›]*›/)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(parts.join("[^]*?"));
}

/** Returns the entry that a message is of: of those that it could be, the one with the most words. */
function entryOf(message: string): string | undefined {
  const fitting = templates
    .filter(({ expression }) => expression.test(plain(message)))
    .map(({ text }) => text);
  return fitting.sort((a, b) => wordsIn(b) - wordsIn(a))[0];
}

/** A value that is a string may be in quotes, or not. */
function plain(text: string): string {
  return text.replace(/["\\]/g, "").replace(/\s+/g, " ");
}

function wordsIn(text: string): number {
  return text.replace(/‹[^›]*›/g, "").length;
}

/** Values as they are in messages; a place of another name gets a word that is nowhere else. */
const VALUES: Record<string, string> = {
  confDir: "/etc/cni/net.d",
  containerId: "c0ffee0123456789",
  count: "3",
  ifname: "net1",
  message: "connect ECONNREFUSED 192.0.2.1:6443",
  name: "storage",
  namespace: "default",
  network: "default/storage",
  number: "12",
  path: "/etc/cni/net.d/10-storage.conflist",
  pid: "4711",
  plugin: "macvlan",
  source: "NetworkAttachmentDefinition default/storage",
  why: "permission denied",
};

/** Puts values into the places of a message. */
function filled(text: string): string {
  let count = 0;
  return text.replace(/‹([^›]*)›/g, (_, name: string) => VALUES[name] ?? `value-${++count}`);
}

/** The site's own search, without a browser: it is the same code, over the same parts. */
function searchInSite(): Search {
  const script = readFileSync(join(SITE, "search.js"), "utf8");
  return new Search(JSON.parse(script.slice(script.indexOf("[")).replace(/;\s*$/, "")));
}

test.each([
  ["by itself", (message: string) => message],
  ["in a line of a log", (message: string) => `Jan 05 10:00:00 node-1 plexus[4711]: ${message} seconds=0.1`],
])(
  "the search finds the entry of every message of the program, with values in its places: %s",
  (_, around) => {
    const search = searchInSite();
    expect(templates.length).toBeGreaterThan(1000);
    const missed = templates.filter(({ text }) => {
      const found = search.find(around(filled(text)));
      return !found.slice(0, FIRST).some(({ title }) => title === text);
    });
    expect(missed.map(({ text }) => text)).toEqual([]);
  },
);

const RULES = new URL("../../docs/rules/", import.meta.url);

test("the search finds the page of each rule, by what lint says of the page's own example", () => {
  const search = searchInSite();
  const names = readdirSync(RULES).map((name) => name.replace(".md", ""));
  const findings = names.flatMap((rule) => {
    const [bad = ""] = readFileSync(new URL(`${rule}.md`, RULES), "utf8").split("## Good");
    const blocks = [...bad.matchAll(/^```(?:yaml|json)\n(.*?)^```/gms)].map(([, block = ""]) => block);
    const lines = blocks.flatMap((block) => said(["lint", "-"], {}, block).split("\n"));
    return lines.filter((line) => line.endsWith(`[${rule}]`)).map((line) => ({ rule, line }));
  });
  expect(new Set(findings.map(({ rule }) => rule)).size).toBeGreaterThan(25);
  const missed = findings.filter(({ rule, line }) => search.find(line)[0]?.at !== `rules/${rule}.html`);
  expect(missed).toEqual([]);
  // Those that need a node or a cluster are said in the same way.
  for (const rule of names)
    expect(search.find(`error: something [${rule}]`)[0]?.at).toBe(`rules/${rule}.html`);
});

test("a page finds what that search finds", async () => {
  const search = searchInSite();
  await site.goto("index.html");
  for (const { text } of templates.filter((_, index) => index % 50 === 0)) {
    const message = filled(text);
    const found = (await site.search(message)).map(({ title }) => title);
    const same = search.find(message).map(({ title }) => title);
    expect({ message, found }).toEqual({ message, found: same.slice(0, found.length) });
    expect(found.slice(0, FIRST)).toContain(text);
  }
});

/** What the binary answers, or says on stderr. */
function said(args: string[], env: Record<string, string> = {}, input = ""): string {
  const { stdout, stderr } = spawnSync(binary, args, { env, input, encoding: "utf8" });
  if (stdout.startsWith("{")) return (JSON.parse(stdout) as { msg: string }).msg;
  return stderr.trim() || stdout.trim();
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
  ["a node that is not Plexus's", ["uninstall", "--root", "/does/not/exist"], {}, ""],
  ["a node that is not Multus's", ["migrate", "--root", "/does/not/exist"], {}, ""],
  ["a pod in YAML that is none", ["explain", "-"], {}, "a: [\n"],
])("the search finds what the binary says of %s", async (_, args, env, input) => {
  const message = said(args, env, input);
  const entry = entryOf(message);
  expect(entry, message).toBeDefined();
  await site.goto("index.html");
  const found = await site.search(message);
  expect({ message, found: found.slice(0, FIRST).map(({ title }) => title) }).toEqual({
    message,
    found: expect.arrayContaining([entry]),
  });
});
