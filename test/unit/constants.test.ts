// Constants that are written down in two languages, and in a document, are the same in each: read from the sources.
import * as fs from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { EXECUTION_VARIABLE } from "../../launcher/host/executions.ts";
import { FromShim, MAX_FRAME, PROTOCOL, ToExecutor, ToShim } from "../../launcher/host/frames.ts";
import { DELEGATE_VARIABLE, MAX_OUTPUT, META_PLUGINS } from "../../launcher/host/host.ts";
import { FORMS, SYSCTLS } from "../../launcher/host/network.ts";
import {
  CONF_DIR,
  DEVICE_INFO_DIR,
  EXECUTIONS_DIR,
  KUBELET_ROOT,
  MULTUS_CONF_DIR,
  SOCKET,
  SRIOV_CNI_DIR,
  STATE_DIR,
} from "../../launcher/paths.ts";
import { FALLBACKS, LARGEST } from "../../launcher/resident/tally.ts";

const shim = source("launcher/shim/shim.c");
const frames = source("launcher/shim/frames.h");
const senders = source("launcher/shim/frames.c");
const requests = source("launcher/shim/requests.c");
const rights = source("launcher/shim/rights.c");
const jobs = source("launcher/shim/jobs.h");
const network = source("launcher/shim/network.c");
const netconf = source("assembly/netconf/netconf.ts");
const versions = source("assembly/cni/version.ts");
const protocol = source("docs/protocol.md");

function source(path: string): string {
  return fs.readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");
}

/** What the pattern's first group matches; a constant that is not found has been renamed, and this test with it. */
function found(text: string, pattern: RegExp): string {
  const match = pattern.exec(text)?.[1];
  if (match === undefined) throw new Error(`nothing matches ${pattern}`);
  return match;
}

/** `16u << 20`, `(8 << 20)` or `2`. */
function numberOf(text: string): number {
  const [, value, shift = "0"] = /^\(?(\d+)u?(?: << (\d+))?\)?$/.exec(text) ?? [];
  if (value === undefined) throw new Error(`${text} is not a number`);
  return Number(value) * 2 ** Number(shift);
}

const defined = (text: string, name: string) =>
  numberOf(found(text, new RegExp(`^#define ${name} (.+)$`, "m")));
const constant = (path: string, name: string) =>
  numberOf(found(source(path), new RegExp(`^(?:export )?const ${name} = (.+);$`, "m")));

/** The string literals in a text. */
const strings = (text: string) => [...text.matchAll(/"([^"]*)"/g)].map(([, value]) => value);
/** What a key of the shim's conf is by default. */
const defaultsOf = (key: string) =>
  strings(found(rights, new RegExp(`^ {4}\\{"${key}", [^{]*\\{([^}]*)\\}\\}`, "m")));

/** Name -> number of a C enum whose numbers are all explicit. */
function enumeration(name: string): Record<string, number> {
  const entries = found(frames, new RegExp(`enum ${name} \\{([^}]*)\\}`))
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  return Object.fromEntries(
    entries.map((entry) => [found(entry, /^(\w+) = \d+$/), Number(found(entry, /= (\d+)$/))]),
  );
}

/** The rows of the document's table with this header, as cells. */
function table(header: string): string[][] {
  const start = protocol.indexOf(`| ${header} |`);
  expect(start, header).toBeGreaterThanOrEqual(0);
  const [rows = ""] = protocol.slice(start).split("\n\n");
  return rows
    .split("\n")
    .slice(2)
    .filter((row) => row.startsWith("|"))
    .map((row) =>
      row
        .split("|")
        .map((cell) => cell.trim())
        .slice(1, -1),
    );
}

const TABLES = {
  FromShim: "type | from the shim",
  ToShim: "type | to the shim",
  ToExecutor: "type | to an executor",
};

/** Name -> number, as the document has them. */
function documented(header: string): Record<string, number> {
  return Object.fromEntries(
    table(header).map(([number, what = ""]) => [found(what, /^([A-Z]+)/), Number(number)]),
  );
}

/** Name -> types of the fields, as the document has them. */
function documentedFields(header: string): Record<string, string[]> {
  return Object.fromEntries(
    table(header).map(([, what = "", fields = ""]) => {
      const plain = fields.replace(/\([^)]*\)/g, "");
      const types = plain === "" ? [] : plain.split(",").map((field) => found(field.trim(), /^(\w+) \w/));
      return [found(what, /^([A-Z]+)/), types];
    }),
  );
}

const upperCase = (types: Record<string, number>) =>
  Object.fromEntries(Object.entries(types).map(([name, number]) => [name.toUpperCase(), number]));

test("what the shims count has the same letters, and the same limit, in both languages", () => {
  const counted = source("launcher/shim/tally.h");
  const fallbacks = [...counted.matchAll(/FELL_(\w+) = '(\w)'/g)].map(([, name = "", letter]) => [
    letter,
    name.toLowerCase().replaceAll("_", "-"),
  ]);
  expect(Object.fromEntries(fallbacks)).toEqual(FALLBACKS);
  const read = source("launcher/resident/tally.ts");
  expect(found(counted, /PROCESS_STARTED = '(\w)'/)).toBe(found(read, /const STARTED = "(\w)"/));
  expect(found(counted, /HANDED_OVER = '(\w)'/)).toBe(found(read, /const HANDED_OVER = "(\w)"/));
  expect(defined(source("launcher/shim/tally.c"), "MAX_TALLY")).toBe(LARGEST);
});

describe("the protocol", () => {
  test("has one version", () => {
    expect(defined(frames, "PROTOCOL")).toBe(PROTOCOL);
    expect(Number(found(protocol, /This is version (\d+)\./))).toBe(PROTOCOL);
  });

  test.each([
    ["FromShim" as const, FromShim],
    ["ToShim" as const, ToShim],
    ["ToExecutor" as const, ToExecutor],
  ])("has the same types in both languages and in the document: %s", (name, types) => {
    expect(enumeration(name)).toEqual(upperCase(types));
    expect(documented(TABLES[name])).toEqual(upperCase(types));
    expect(new Set(Object.values(types)).size).toBe(Object.keys(types).length);
  });

  test("has a row of the shim's table for each request, with the fields of the document", () => {
    const words: Record<string, string> = { U32: "u32", STRING: "string", STRINGS: "list", BYTES: "bytes" };
    const rows = [...requests.matchAll(/^ {4}\{(\w+), "(\w+)", "[A-Za-z -]*", \{([^}]*)\}, \w+\},$/gm)];
    const fields = rows.map(([, type = "", name, list = ""]) => {
      expect(name).toBe(type);
      return [type, list === "0" ? [] : list.split(", ").map((field) => words[field])];
    });
    expect(rows.map(([, type]) => type)).toEqual(Object.keys(enumeration("ToShim")));
    expect(Object.fromEntries(fields)).toEqual(documentedFields(TABLES.ToShim));
  });

  test("has the document's fields in what the shim sends", () => {
    const sent = Object.keys(FromShim).map((name) => {
      const body = found(senders, new RegExp(`^void add_${name}\\([^{]*\\{\\n([^}]*)\\}`, "m"));
      const puts = [...body.matchAll(/^ {2}put_(u32|string|bytes)\(&outgoing->bytes, (.*)\);/gm)];
      // A list: its count, and then a loop.
      const types = puts.map(([, type, value = ""]) => (value.includes("list_length") ? "list" : type));
      return [name.toUpperCase(), types];
    });
    expect(Object.fromEntries(sent)).toEqual(documentedFields(TABLES.FromShim));
  });

  test("has the same network requests in both languages and in the document", () => {
    const rows = [...network.matchAll(/^ {4}\{"([a-z ]+)", "([^"]+)",/gm)].map(([, name, line]) => [
      name,
      line,
    ]);
    expect(Object.fromEntries(rows)).toEqual(FORMS);
    const named = table("form | values").flatMap(([forms = ""]) => [...forms.matchAll(/`([a-z ]+)`/g)]);
    expect(named.map(([, name]) => name)).toEqual(Object.keys(FORMS));
  });

  test("has the document's keys in the shim's table of network requests", () => {
    const body = found(network, /^(static const Form FORMS\[\] = [^;]*;)/m);
    const keysIn = (text: string) => [...text.matchAll(/\{"([a-z_]+)", [A-Z]/g)].map(([, key]) => key);
    const route = keysIn(found(network, /^#define ROUTE_KEYS([^#]*?)\n\n/m));
    const inShim = body
      .split(/^ {4}\{(?=")/m)
      .slice(1)
      .map((row) => (row.includes("ROUTE_KEYS") ? route : keysIn(row)));
    const inDocument = table("form | values").flatMap(([forms = "", , keys = ""]) =>
      [...forms.matchAll(/`/g)].length === 0
        ? []
        : Array.from({ length: [...forms.matchAll(/`/g)].length / 2 }, () =>
            [...keys.matchAll(/`([a-z_]+)`/g)].map(([, key]) => key),
          ),
    );
    expect(inShim).toEqual(inDocument);
  });

  test("has the same switches of links in both languages and in the document", () => {
    for (const family of ["ipv4", "ipv6"] as const) {
      const inShim = strings(
        found(network, new RegExp(`const ${family.replace("ip", "")}\\[\\] = \\{([^}]*)\\}`)),
      );
      const keys = Object.entries(SYSCTLS).flatMap(([key, of]) => (of === family ? key : []));
      expect(inShim).toEqual(keys);
      for (const key of keys) expect(protocol).toContain(`\`${key}\``);
    }
  });

  test("has the same time limit for `ip` and `rdma` in both languages", () => {
    const limit = found(source("launcher/shim/network.h"), /^#define NETWORK_TIMEOUT_MS (\d+)$/m);
    expect(Number(limit)).toBe(
      Number(found(source("launcher/host/iproute.ts"), /^const TIMEOUT_MS = ([\d_]+);$/m).replace("_", "")),
    );
  });

  test("has the same variables of a call in both languages", () => {
    const names = strings(found(source("launcher/host/remote.ts"), /^const VARIABLES = \[([^\]]*)\]/m));
    expect(
      strings(found(senders, /const names\[\] = \{([^}]*)\}/)).map((name) => name?.slice(0, -1)),
    ).toEqual(names);
    for (const name of names) expect(protocol).toContain(name);
  });

  test("has one variable by which Plexus knows that Plexus has executed it, and one message", () => {
    expect(found(jobs, /^#define DELEGATE_VARIABLE "(.*)"$/m)).toBe(DELEGATE_VARIABLE);
    expect(protocol).toContain(DELEGATE_VARIABLE);
    const words = strings(found(shim, /fail_with\(INVALID_NETWORK_CONFIG,([\s\S]*?)delegate\);/)).join("");
    const inPlexus = found(source("launcher/plugin.ts"), /^function answerToItself\(([\s\S]*?)^\}/m);
    for (const part of words.split(/%s|; /)) expect(inPlexus).toContain(part);
  });

  test("names executions in the same way in both languages", () => {
    const inShim = source("launcher/shim/executions.h");
    expect(found(inShim, /^#define EXECUTION_VARIABLE "(.*)"$/m)).toBe(EXECUTION_VARIABLE);
    expect(found(inShim, /^#define EXECUTIONS_DIR "(.*)"$/m)).toBe(EXECUTIONS_DIR);
    for (const name of [EXECUTION_VARIABLE, EXECUTIONS_DIR]) expect(protocol).toContain(name);
    const name = found(source("launcher/shim/executions.c"), /^#define NAME "(.*)"$/m);
    const pattern = found(source("launcher/host/executions.ts"), /^const NAME = \/(.*)\/;$/m);
    expect(`${name}`.replace(/%l?l?[du]/g, "1")).toMatch(new RegExp(`${pattern}`));
  });

  test("leaves a call to a `plexus` that executes no more plugins than the shim", () => {
    const inPlexus = source("launcher/host/plugins.ts");
    const inShim = source("launcher/shim/plugins.c");
    expect(strings(found(inShim, /META_PLUGINS\[\] = \{([^}]*)\}/))).toEqual(META_PLUGINS);
    const variable = found(inPlexus, /^const ALLOWED_VARIABLE = "(.*)";$/m);
    expect(found(shim, /set_variable\("(\w+)", joined\(&rights\.plugins\)\)/)).toBe(variable);
  });

  test.each(["TEMPORARY", "MARKING"])("has the same names for files that say who writes them: %s", (name) => {
    const text = source("launcher/shim/writing.c");
    const writer = found(text, /^#define BY_WRITER "(.*)"$/m);
    const rest = found(text, new RegExp(`^#define ${name} BY_WRITER "(.*)"$`, "m"));
    const pattern = found(source("launcher/host/files.ts"), /^const TEMPORARY = \/\^(.*)\$\/;$/m);
    expect(`${writer}${rest}`.replace(/%l?l?[du]/g, "1")).toMatch(new RegExp(`^${pattern}$`));
  });

  test("has the document's outcomes", () => {
    const numbers = table("outcome | an execution").map(([number]) => Number(number));
    expect(Object.values(enumeration("Outcome"))).toEqual(numbers);
  });

  test("has the document's time limits", () => {
    const rows = ["if | after", "if it | after"]
      .flatMap(table)
      .flatMap(([, after = ""]) => [...after.matchAll(/^(\d+) s \(`([\w-]+)`\)/g)]);
    const limits = rows.map(([, seconds, key = ""]) => [
      key.replaceAll("-", "_").replace(/_ms$/, ""),
      Number(seconds),
    ]);
    const defaults = [...rights.matchAll(/\{"([\w-]+)-ms", .*\{"(\d+)"\}\}/g)].map(([, key, ms]) => [
      key?.replaceAll("-", "_"),
      Number(ms) / 1000,
    ]);
    expect(defaults).toHaveLength(5);
    expect(limits).toEqual(defaults);
  });
});

test("a resident process finds the socket and the lock where the shim has put them", () => {
  const start = source("launcher/shim/start.c");
  const server = source("launcher/resident/server.ts");
  const [, socket, lock] = /enum Inherited \{ SOCKET_FD = (\d), LOCK_FD = (\d) \};/.exec(start) ?? [];
  expect(found(server, /const \[SOCKET_FD, LOCK_FD\] = \[(\d, \d)\];/)).toBe(`${socket}, ${lock}`);
  for (const [number, what] of [
    [socket, "socket"],
    [lock, "lock"],
  ])
    expect(protocol).toMatch(new RegExp(`\\| descriptor ${number} \\| the ${what}`));
});

describe("a frame", () => {
  test("is as large in both languages and in the document", () => {
    expect(defined(frames, "MAX_FRAME")).toBe(MAX_FRAME);
    expect(Number(found(protocol, /more than (\d+) bytes/))).toBe(MAX_FRAME);
  });

  test("has room for the largest file, the largest outputs and the largest call", () => {
    const environment = 6 << 20; // Linux takes no more: 3/4 of _STK_LIM, execve(2)
    const read = defined(source("launcher/shim/jobs.c"), "READ_SIZE"); // an output is noticed to be too long after it
    expect(constant("launcher/sizes.ts", "MAX_FILE")).toBeLessThan(MAX_FRAME - 1024);
    expect(2 * (MAX_OUTPUT + read)).toBeLessThan(MAX_FRAME - 1024);
    expect(defined(shim, "MAX_INPUT") + environment).toBeLessThan(MAX_FRAME - 1024);
  });
});

test("a conf may be as large for the shim as for plexus", () => {
  expect(defined(shim, "MAX_INPUT")).toBe(constant("launcher/plugin.ts", "MAX_CONF"));
});

test("shim, plexus and core support the same versions of the CNI spec", () => {
  const supported = strings(found(source("launcher/main.ts"), /^const SUPPORTED = \[([^\]]*)\]/m));
  expect(supported.at(-1)).toBe("1.1.0");
  expect(strings(found(shim, /^#define SUPPORTED "(.*)"$/m).replaceAll('\\"', '"'))).toEqual(supported);
  expect(found(shim, /\\"cniVersion\\":\\"([\d.]+)\\",\\"supportedVersions/)).toBe(supported.at(-1));
  expect(found(versions, /use one of ([\d., ]+)"/).split(", ")).toEqual(supported);
  const ranks = [...versions.matchAll(/^ +case (\d+):$/gm)].map(([, rank]) => Number(rank));
  const versionOf = (rank: number) => [
    Math.floor(rank / 1_000_000),
    Math.floor(rank / 1000) % 1000,
    rank % 1000,
  ];
  expect(ranks.map((rank) => versionOf(rank).join("."))).toEqual(supported);
});

describe("a default", () => {
  test("of the socket is the same for the shim, plexus and the document", () => {
    expect(defaultsOf("socket")).toEqual([SOCKET]);
    expect(found(protocol, /unix\s+socket, `([^`]*)`/)).toBe(SOCKET);
  });

  test("of the state directories is the same for the shim, plexus and the core", () => {
    expect(defaultsOf("state")).toEqual([STATE_DIR, DEVICE_INFO_DIR, SRIOV_CNI_DIR]);
    expect(found(netconf, /"cniDir", "([^"]*)"/)).toBe(STATE_DIR);
    expect(found(netconf, /"kubeletRoot", "([^"]*)"/)).toBe(KUBELET_ROOT);
    expect(found(source("assembly/delegate/delegate.ts"), /^const DEVICE_INFO_DIR = "([^"]*)"/m)).toBe(
      `${DEVICE_INFO_DIR}/cni/`,
    );
  });

  test("of the directories to read is the same for the shim, plexus and the core", () => {
    expect(defaultsOf("read")).toEqual([CONF_DIR, MULTUS_CONF_DIR]);
    expect(found(netconf, /"confDir", "([^"]*)"/)).toBe(MULTUS_CONF_DIR);
  });

  test("of the log files is in docs/protocol.md", () => {
    for (const path of defaultsOf("log")) expect(protocol).toContain(`\`${path}\``);
  });
});
