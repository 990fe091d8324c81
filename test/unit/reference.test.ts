// The pages of docs/ that say all there is of something: each is held to the code.
import * as fs from "node:fs";
import { fileURLToPath } from "node:url";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import * as paths from "../../launcher/paths.ts";
import { REASONS } from "../../launcher/resident/reasons.ts";
import { type Sources, seriesIn } from "../../launcher/resident/series.ts";
import { FALLBACKS } from "../../launcher/resident/tally.ts";
import { confPage } from "../../scripts/reference/conf.ts";

const read = (path: string) =>
  fs.readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");
const verbs = fs
  .readdirSync(new URL("../../launcher", import.meta.url), { recursive: true, encoding: "utf8" })
  .filter((name) => name.startsWith("attach/") && name.endsWith(".ts"))
  .map((name) => read(`launcher/${name}`))
  .join("\n");

/** What is in backquotes in the first cells of a page's tables. */
function firstCells(page: string): string[] {
  const cells = page.split("\n").flatMap((line) => /^\| ([^|]+) \|/.exec(line)?.[1] ?? []);
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word));
}

/** A constant in a source. */
function constant(path: string, name: string): number {
  const [, value = ""] = new RegExp(`\\b${name}(?:: \\w+)? = ([\\d_]+(?: << \\d+)?)`).exec(read(path)) ?? [];
  const [factor = 0, shift = 0] = value.replaceAll("_", "").split(" << ").map(Number);
  return factor * 2 ** shift;
}

test("conf.md has each key that is known, with the core's defaults: npm run reference makes it", () => {
  expect(read("docs/conf.md")).toBe(confPage());
});

test("metrics.md names the metrics that are served, and no other", async () => {
  const register = new Registry();
  seriesIn(register, {
    build: { version: "", commit: "", node: "", core: "", shim: "" },
    reasons: [],
    known: [],
    tally: { fallbacks: () => ({}), starts: () => 0, handovers: () => 0 },
    events: () => ({ sent: 0, failed: 0, dropped: 0 }),
    running: () => 0,
    waiting: () => 0,
    slots: 1,
    connected: () => 0,
    connections: 1,
    refused: () => 0,
    dropped: () => 0,
  } as unknown as Sources);
  const served = register.getMetricsAsArray().map(({ name }) => name);
  const own = served.filter((name) => name.startsWith("plexus_"));
  const page = firstCells(read("docs/metrics.md"));
  expect(own.length).toBeGreaterThan(20);
  expect(page.filter((name) => name.startsWith("plexus_")).sort()).toEqual(own.sort());
  for (const name of served) expect(name).toMatch(/^(plexus|process|nodejs)_/);
});

test("metrics.md has every reason of a failure, and of a fallback", () => {
  const page = firstCells(read("docs/metrics.md"));
  expect(page).toEqual(expect.arrayContaining([...REASONS]));
  expect(page).toEqual(expect.arrayContaining(Object.values(FALLBACKS)));
});

test("events.md has the events that a pod can get from Plexus, and no other", () => {
  const events = [
    ...verbs.matchAll(/reason: "([A-Z]\w+)"/g),
    ...verbs.matchAll(/fault\.reason \?\? "([A-Z]\w+)"/g),
    ...verbs.matchAll(/^\s+"([A-Z]\w+Found)",$/gm),
  ].map(([, name]) => name);
  const [table = ""] = read("docs/events.md").split("## What is wrong");
  expect(firstCells(table).sort()).toEqual([...new Set(events)].sort());
});

test("annotations.md has each annotation that is known, and each key of a network selection element", () => {
  const [, known = ""] = /export const ANNOTATIONS = `([^`]*)`/.exec(read("assembly/lint/tables.ts")) ?? [];
  const page = firstCells(read("docs/annotations.md"));
  expect(page).toEqual(expect.arrayContaining(known.trim().split(/\s+/)));
  const [, element = ""] = /export const ELEMENT = `([^`]*)`/.exec(read("assembly/lint/tables.ts")) ?? [];
  const keys = element
    .trim()
    .split(/\s+/)
    .map((each) => each.replace(/^[*+]|:.*$/g, ""));
  expect(keys.length).toBeGreaterThan(5);
  expect(page).toEqual(expect.arrayContaining(keys));
});

test("logs.md has each level, and each member of a line", () => {
  const page = firstCells(read("docs/logs.md"));
  const [, levels = ""] = /const LEVELS = \[([^\]]*)\]/.exec(read("launcher/log/log.ts")) ?? [];
  expect(page).toEqual(expect.arrayContaining([...levels.matchAll(/"(\w+)"/g)].map(([, level]) => level)));
  const line = /^2026.*$/m.exec(read("docs/logs.md"))?.[0] ?? "";
  for (const [, member] of line.matchAll(/ (\w+)=/g)) expect(page).toContain(member);
});

test("files.md has each place on a node that the code names", () => {
  const page = read("docs/files.md");
  const { CONF_EXTENSIONS: _, ...places } = paths;
  for (const place of Object.values(places)) expect(page).toContain(`\`${place}`);
  for (const place of ["results/", "failed/", "orphans/", "sriov/"]) expect(page).toContain(`\`${place}`);
});

test.each([
  ["plugins of a chain", "assembly/cni/network.ts", "MAX_PLUGINS", 1],
  ["nesting of JSON", "assembly/json/parse.ts", "MAX_DEPTH", 1],
  ["values in all documents of one decision", "assembly/json/parse.ts", "MAX_VALUES", 1],
  ["interfaces of a result", "assembly/status/describe.ts", "MAX_INTERFACES", 1],
  ["IPs of a result", "assembly/status/describe.ts", "MAX_IPS", 1],
  ["routes of a result", "assembly/status/describe.ts", "MAX_ROUTES", 1],
  ["port mappings of an element", "assembly/delegate/request.ts", "MAX_MAPPINGS", 1],
  ["a network's name, a container ID", "assembly/cni/names.ts", "MAX_IDENTIFIER_BYTES", 1],
  ["an interface's name", "assembly/cni/names.ts", "MAX_INTERFACE_BYTES", 1],
  ["a device's ID", "assembly/cni/names.ts", "MAX_DEVICE_BYTES", 1],
  ["a message of an event", "launcher/cluster/cluster.ts", "MAX_EVENT_MESSAGE_BYTES", 1],
  ["orphans of a node", "launcher/state/orphans.ts", "MAX_ORPHANS", 1],
  ["the conf on stdin", "launcher/plugin.ts", "MAX_CONF", 2 ** 20],
  ["a document of the core", "packages/core/index.ts", "MAX_INPUT_BYTES", 2 ** 20],
  ["a file of the state that somebody else has written", "launcher/sizes.ts", "MAX_STATE_FILE", 2 ** 20],
  ["what a plugin prints", "launcher/host/host.ts", "MAX_OUTPUT", 2 ** 20],
  ["an answer of the API server", "launcher/cluster/http.ts", "MAX_BODY_BYTES", 2 ** 20],
  ["foreign text in a message of the core", "assembly/text/writer.ts", "MAX_QUOTE_BYTES", 1],
  ["why an attachment could not be made", "launcher/state/state.ts", "MAX_WHY", 1],
  ["findings of one `plexus lint`", "assembly/lint/findings.ts", "MAX_FINDINGS", 1],
  ["orphans whose ADD never succeeded", "launcher/state/orphans.ts", "MAX_NEVER_ATTACHED", 1],
  ["annotations or conf of an object", "launcher/webhook/judge.ts", "LONGEST", 1],
  ["the time for an object", "launcher/webhook/server.ts", "REVIEW_MS", 1],
  ["connections", "launcher/webhook/server.ts", "MOST_CONNECTIONS", 1],
  ["a wait of an ADD for the API server", "launcher/cluster/transport.ts", "REQUEST_LIMIT_MS", 1000],
])("limits.md has the limit of %s", (what, path, name, unit) => {
  const limit = constant(path, name) / unit;
  const [, shown = ""] = new RegExp(`^\\| ${what} \\| ([\\d,]+)`, "m").exec(read("docs/limits.md")) ?? [];
  expect(limit).toBeGreaterThan(0);
  expect(Number(shown.replaceAll(",", ""))).toBe(limit);
});

test("exit-codes.md has the exit codes of commands", () => {
  const [table = ""] = read("docs/exit-codes.md").split("## Of a call");
  const codes = [...table.matchAll(/^\| (\d) \|/gm)].map(([, code]) => Number(code));
  const [, exit = ""] = /export const Exit = \{([^}]*)\}/.exec(read("launcher/cli/command.ts")) ?? [];
  expect(codes).toEqual([...exit.matchAll(/: (\d)/g)].map(([, code]) => Number(code)));
});
