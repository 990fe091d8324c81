// The methods of the package: what a host gives reaches the core as it is, and whatever is wrong with it is a Fault with a place.
import { describe, expect, test } from "vitest";
import type { Core } from "../../packages/core/index.ts";
import { seeds } from "../fuzz/seeds.ts";
import { faultOf, loadCore } from "../support/core.ts";

type Json = Record<string, unknown>;
type Method = (input: unknown) => unknown;

const core = loadCore();
const json = JSON.stringify;
const METHODS = [
  "environment",
  "describe",
  "selection",
  "plan",
  "invoke",
  "outcome",
  "remember",
  "recover",
  "convert",
  "status",
] as const satisfies (keyof Core)[];

function call(method: (typeof METHODS)[number], input: unknown): unknown {
  return (core[method] as Method).call(core, input);
}

function seedOf(method: string): Json {
  return JSON.parse(seeds[method]?.[0] ?? "") as Json;
}

/** Returns the objects in a document that hosts give, with where each is. */
function objectsIn(value: unknown, path = ""): [path: string, object: Json][] {
  if (typeof value !== "object" || value === null) return [];
  const inside = Object.entries(value).flatMap(([key, one]) => objectsIn(one, `${path}/${key}`));
  return Array.isArray(value) ? inside : [[path, value as Json], ...inside];
}

describe.each(METHODS)("%s", (method) => {
  test("takes what its operation takes", () => {
    expect(() => call(method, seedOf(method))).not.toThrow();
  });

  test.each(objectsIn(seedOf(method)).map(([path]) => path))(
    "refuses a member that nobody knows, in object `%s`",
    (path) => {
      const document = seedOf(method);
      const [, object] = objectsIn(document).find(([one]) => one === path) ?? [];
      if (object) object.misspelt = {};
      const { message, place } = faultOf(() => call(method, document));
      expect(message).toContain('it has no member "misspelt"; its members are ');
      expect(place?.path).toBe(`${path}/misspelt`);
    },
  );

  const cycle: Json = {};
  cycle.self = cycle;
  test.each([
    ["undefined", undefined],
    ["null", null],
    ["an empty object", {}],
    ["a list", []],
    ["a text", "text"],
    ["a number", 1],
    ["a BigInt", 1n],
    ["a function", () => 1],
    ["a symbol", Symbol("s")],
    ["members without JSON", { annotation: "a", conf: () => 1, plugin: Number.NaN, verb: Symbol("s") }],
    ["an object with a BigInt", { runtime: { containerId: 1n } }],
    ["an object in itself", cycle],
    [
      "an object that cannot be written",
      {
        toJSON: () => {
          throw new Error("no");
        },
      },
    ],
    ["members of no use", { runtime: "text", networks: 1, attachments: {}, delegate: [] }],
    ["members that are null", { runtime: null, networks: null, attachments: null, delegate: null }],
  ])("refuses %s with a Fault that has its CNI code", (_, input) => {
    expect([4, 6, 7]).toContain(faultOf(() => call(method, input)).code);
  });
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, () => 1, Symbol("s")])(
  "%o, which JSON would leave out or make null, is refused, and undefined is absent",
  (value) => {
    const given = { annotation: "a", maxNetworks: value as number };
    const { code, message } = faultOf(() => core.selection(given));
    expect([code, message]).toEqual([6, expect.stringContaining(`there is no JSON for ${String(value)}`)]);
    expect(core.selection({ annotation: "a", maxNetworks: undefined })).toHaveLength(1);
  },
);

test("what is given as bytes and is none is refused by a Fault", () => {
  for (const input of [undefined, null, "{}", {}, new Uint16Array(2), new ArrayBuffer(2)]) {
    for (const action of [() => core.netconf(input as never), () => core.run("json", input as never)]) {
      const { code, message } = faultOf(action);
      expect([code, message]).toEqual([6, "the document: it must be bytes; give a Uint8Array"]);
    }
  }
  expect(core.run("json", Buffer.from("[1]"))).toBe("[1]");
});

const RUNTIME = { containerId: "c1", netns: "/run/netns/x", ifname: "eth0", args: "", network: "n" };
const CONF = json({ cniVersion: "1.1.0", name: "n", type: "bridge" });

test("a Runtime may be given whole to all that take one", () => {
  const planned = core.plan({ runtime: RUNTIME, networks: [{ conf: CONF, source: "n" }] });
  const [delegate] = planned.delegates;
  if (!delegate) throw new Error("there is no delegate");
  const result = '{"cniVersion":"1.1.0"}';
  const invocation = core.invoke({ verb: "ADD", plugin: 0, delegate, runtime: RUNTIME });
  expect(invocation.env.CNI_NETNS).toBe("/run/netns/x");
  const cache = core.remember({ delegate, result, runtime: RUNTIME });
  const recovery = core.recover({ runtime: RUNTIME, scratch: planned.scratch, caches: [cache] });
  expect(recovery.delegates.map(({ ifname }) => ifname)).toEqual(["eth0"]);
});

describe("a fault has its place", () => {
  const [delegate] = core.plan({ runtime: RUNTIME, networks: [{ conf: CONF, source: "n" }] }).delegates;
  const add = { verb: "ADD", plugin: 0, delegate, runtime: RUNTIME };
  const end = {
    plugin: "p",
    cniVersion: "1.1.0",
    exitCode: 0,
    stdout: "{}",
    stderr: "",
    expectsResult: true,
  };
  const whole = {
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "c",
    CNI_NETNS: "/n",
    CNI_IFNAME: "e",
    CNI_PATH: "/p",
  };
  const environment = { ...whole, cniVersion: "1.1.0" };
  const one = (result: unknown) => ({ attachments: [{ delegate, result: json(result) }] });
  const v = { cniVersion: "1.1.0" };

  test.each<[string, (typeof METHODS)[number], unknown, string | undefined, string]>([
    [
      "a conf that is a list",
      "invoke",
      { ...add, delegate: { ...delegate, conf: "[]" } },
      "/delegate/conf",
      "",
    ],
    ["a prevResult that is a list", "invoke", { ...add, prevResult: "[]" }, "/prevResult", ""],
    ["a prevResult that is an object", "invoke", { ...add, prevResult: {} }, undefined, "/prevResult"],
    ["a verb that there is not", "invoke", { ...add, verb: "GET" }, undefined, "/verb"],
    ["a plugin that there is not", "invoke", { ...add, plugin: 1 }, undefined, "/plugin"],
    [
      "attachments that are none",
      "invoke",
      { ...add, verb: "GC", validAttachments: "{}" },
      "/validAttachments",
      "",
    ],
    [
      "a container without a name",
      "invoke",
      { ...add, runtime: { ...RUNTIME, containerId: "" } },
      undefined,
      "/runtime/containerId",
    ],
    [
      "a container's wrong name",
      "invoke",
      { ...add, runtime: { ...RUNTIME, containerId: "../" } },
      undefined,
      "/runtime/containerId",
    ],
    [
      "a netns with a control character",
      "invoke",
      { ...add, runtime: { ...RUNTIME, netns: "\n" } },
      undefined,
      "/runtime/netns",
    ],
    [
      "a delegate's wrong name",
      "invoke",
      { ...add, delegate: { ...delegate, network: "../" } },
      undefined,
      "/delegate/network",
    ],
    [
      "a delegate's wrong arguments",
      "invoke",
      { ...add, delegate: { ...delegate, args: [["A", "b;c"]] } },
      undefined,
      "/delegate/args/0",
    ],
    ["a result on stdout that is a list", "outcome", { ...end, stdout: "[]" }, "/stdout", ""],
    ["a result that is not JSON", "outcome", { ...end, stdout: "{" }, "/stdout", ""],
    ["a result that is not there", "outcome", { ...end, stdout: "" }, undefined, "/stdout"],
    ["an exit code that is none", "outcome", { ...end, exitCode: 256 }, undefined, "/exitCode"],
    [
      "a result that is not a text",
      "remember",
      { delegate, result: {}, runtime: RUNTIME },
      undefined,
      "/result",
    ],
    [
      "another container's file",
      "remember",
      { delegate, result: "{}", runtime: { ...RUNTIME, containerId: "c2" } },
      undefined,
      "/delegate/cacheFile",
    ],
    ["a result to convert that is a list", "convert", { result: "[]", cniVersion: "1.0.0" }, "/result", ""],
    [
      "a version that there is not",
      "convert",
      { result: "{}", cniVersion: "9.0.0" },
      undefined,
      "/cniVersion",
    ],
    [
      "a result that an old version cannot hold",
      "convert",
      { result: json(v), cniVersion: "0.2.0" },
      "/result",
      "",
    ],
    ["a result's version", "status", one({ cniVersion: "9.0.0" }), "/attachments/0/result", "/cniVersion"],
    ["a result's dns", "status", one({ ...v, dns: [] }), "/attachments/0/result", "/dns"],
    [
      "a result's interfaces",
      "status",
      one({ ...v, interfaces: {} }),
      "/attachments/0/result",
      "/interfaces",
    ],
    [
      "an interface's name",
      "status",
      one({ ...v, interfaces: [{ name: 1 }] }),
      "/attachments/0/result",
      "/interfaces/0/name",
    ],
    ["an IP's address", "status", one({ ...v, ips: [{ address: "x" }] }), "/attachments/0/result", "/ips/0"],
    [
      "an IP's gateway",
      "status",
      one({ ...v, ips: [{ address: "10.0.0.1/8", gateway: 1 }] }),
      "/attachments/0/result",
      "/ips/0/gateway",
    ],
    ["a route's destination", "status", one({ ...v, routes: [{}] }), "/attachments/0/result", "/routes/0"],
    [
      "too many interfaces",
      "status",
      one({ ...v, interfaces: Array(257).fill({ name: "a" }) }),
      "/attachments/0/result",
      "/interfaces",
    ],
    ["attachments that are an object", "status", { attachments: {} }, undefined, "/attachments"],
    [
      "CNI_ARGS with a control character",
      "plan",
      { runtime: { ...RUNTIME, args: "\n" }, networks: [{ conf: CONF, source: "n" }] },
      undefined,
      "/runtime/args",
    ],
    [
      "a runtime's interface",
      "recover",
      { runtime: { ...RUNTIME, ifname: "a/b" }, caches: [] },
      undefined,
      "/runtime/ifname",
    ],
    [
      "a verb of the environment",
      "environment",
      { ...environment, CNI_COMMAND: "GET" },
      undefined,
      "/CNI_COMMAND",
    ],
    ["a variable that is missing", "environment", { ...environment, CNI_NETNS: "" }, undefined, ""],
    [
      "a variable that is wrong",
      "environment",
      { ...environment, CNI_IFNAME: "a/b" },
      undefined,
      "/CNI_IFNAME",
    ],
    [
      "a conf's version of the environment",
      "environment",
      { ...environment, cniVersion: "9.0.0" },
      undefined,
      "/cniVersion",
    ],
    [
      "a version without the verb",
      "environment",
      { ...environment, CNI_COMMAND: "GC", cniVersion: "0.4.0" },
      undefined,
      "/cniVersion",
    ],
  ])("%s", (_, method, input, text, path) => {
    const { place } = faultOf(() => call(method, input));
    expect([place?.text, place?.path]).toEqual([text, path]);
  });
});

test("a conf without a source is called the conf", () => {
  const conf = json({ cniVersion: "1.0.0", name: "n", type: "../x" });
  for (const action of [
    () => core.describe({ conf, source: "" }),
    () => core.plan({ runtime: RUNTIME, networks: [{ conf, source: "" }] }),
  ]) {
    expect(faultOf(action).message).toMatch(/^the conf: `type` "\.\.\/x" must be/);
  }
});

test("as many tiny networks are planned as docs/core.md says, and 5,000 of usual ones", () => {
  const plan = (count: number, conf: string) =>
    core.plan({ runtime: RUNTIME, networks: Array(count).fill({ conf, source: "s" }) }).delegates.length;
  const tiny = json({ name: "n", type: "x" });
  expect(plan(4500, tiny)).toBe(4500);
  expect(faultOf(() => plan(5500, tiny)).message).toContain("ask for fewer networks");
  expect(plan(5000, json({ name: "n", type: "x", more: "x".repeat(67) }))).toBe(5000);
  expect(json({ name: "n", type: "x", more: "x".repeat(67) })).toHaveLength(100);
});
