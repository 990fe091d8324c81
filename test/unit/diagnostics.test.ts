// Where an error stands, and what is wrong beside it: for editors.
import { describe, expect, test } from "vitest";
import {
  type Cause,
  diagnosedError,
  error as faultOf,
  lintOperations,
} from "../../packages/core/documents.ts";
import { seeds } from "../fuzz/seeds.ts";
import { coreBytes, runFresh, runIn } from "../support/wasm.ts";

const linting = new WebAssembly.Module(coreBytes("lint.wasm"));
const encode = (document: unknown) =>
  new TextEncoder().encode(typeof document === "string" ? document : JSON.stringify(document));
const run = (operation: string, document: unknown) => runFresh(operation, encode(document));
const diagnose = (operation: string, document: unknown) => runFresh(operation, encode(document), linting);

const runtime = { containerId: "c", ifname: "eth0", args: "" };
const conf = (more: object = {}) =>
  JSON.stringify({ cniVersion: "1.0.0", name: "n", type: "bridge", ...more });
const planOf = (...networks: object[]) => ({
  runtime,
  networks: networks.map((one) => ({ source: "s", ...one })),
});
const settings = (more: string) => `{"name":"n","clusterNetwork":"x",${more}}`;

/** Operation, document, the text that the error is in, its pointer there, and the characters that it marks. */
const FAULTS: [string, unknown, string | undefined, string, string][] = [
  ["selection", { annotation: '[{"name":"a"},\n{"name":"é","mac":1}]' }, "/annotation", "/1/mac", "1"],
  ["selection", { annotation: '[{"name":"a","mac":"02:00"}]' }, "/annotation", "/0/mac", '"02:00"'],
  ["selection", { annotation: '[{"name":"a","ips":["10.0.0.1","x"]}]' }, "/annotation", "/0/ips/1", '"x"'],
  ["selection", { annotation: '[{"ips":["10.0.0.1"]}]' }, "/annotation", "/0", "{"],
  ["selection", { annotation: '[{"name":"a","interface":"a b"}]' }, "/annotation", "/0/interface", '"a b"'],
  [
    "selection",
    { annotation: '[{"name":"a","portMappings":[{"hostPort":80}]}]' },
    "/annotation",
    "/0/portMappings/0",
    "{",
  ],
  [
    "selection",
    { annotation: '[{"name":"a","bandwidth":{"ingressBurst":8}}]' },
    "/annotation",
    "/0/bandwidth/ingressBurst",
    "8",
  ],
  [
    "selection",
    { annotation: '[{"name":"a","default-route":["10.0.0.1"]},{"name":"b","default-route":[]}]' },
    "/annotation",
    "/1/default-route",
    "[",
  ],
  ["selection", { annotation: "a, b/c@d/e ,f" }, "/annotation", "", "b/c@d/e"],
  ["selection", { annotation: '[{"name":"a"}' }, "/annotation", "", ""],
  ["selection", { annotation: '[{"name":"a" "mac":1}]' }, "/annotation", "", '"'],
  ["selection", { annotation: "" }, undefined, "/annotation", '""'],
  ["selection", { annotation: "a", namespce: "n" }, undefined, "/namespce", '"namespce"'],
  ["netconf", settings('"logOptions":{"maxAge":-1}'), undefined, "/logOptions/maxAge", "-1"],
  ["netconf", settings('"capabilityCheck":"maybe"'), undefined, "/capabilityCheck", '"maybe"'],
  ["netconf", settings('"cniVersion":"7"'), undefined, "/cniVersion", '"7"'],
  ["netconf", '{"name":"a b","clusterNetwork":"x"}', undefined, "/name", '"a b"'],
  ["netconf", '{"name":"a"}', undefined, "", "{"],
  ["netconf", '{"name":"a",}', undefined, "", "}"],
  ["describe", { conf: conf({ type: "../x" }), source: "s" }, "/conf", "/type", '"../x"'],
  ["describe", { conf: conf({ capabilities: { ips: 1 } }), source: "s" }, "/conf", "/capabilities/ips", "1"],
  ["describe", { conf: '{"name":"n","plugins":[]}', source: "s" }, "/conf", "/plugins", "["],
  ["describe", { conf: conf(), source: "s", plugins: ["{}"] }, "/conf", "/type", '"bridge"'],
  ["plan", planOf({ conf: conf() }, { conf: conf({ name: "a/b" }) }), "/networks/1/conf", "/name", '"a/b"'],
  ["plan", planOf({ conf: conf() }, { conf: "{]" }), "/networks/1/conf", "", "]"],
  [
    "plan",
    planOf({ conf: conf() }, { conf: conf(), selection: { interface: "eth0" } }),
    undefined,
    "/networks/1/selection/interface",
    '"eth0"',
  ],
  [
    "plan",
    planOf({ conf: conf() }, { conf: conf({ args: 1 }), selection: { cniArgs: "{}" } }),
    "/networks/1/conf",
    "/args",
    "1",
  ],
  [
    "plan",
    planOf({ conf: conf(), selection: { bandwidth: '{"ingressRate":"1"}' } }),
    "/networks/0/selection/bandwidth",
    "/ingressRate",
    '"1"',
  ],
];

describe("an error names its place, so that an editor can mark it", () => {
  test.each(FAULTS)("%s of %j", (operation, document, text, path, marked) => {
    const { status, text: answer } = run(operation, document);
    const error = faultOf.parse(JSON.parse(answer));
    expect([status, error.text, error.path]).toEqual([1, text, path]);
    const whole = text === undefined ? new TextDecoder().decode(encode(document)) : textAt(document, text);
    const from = Buffer.from(whole).subarray(error.offset);
    expect(from.subarray(0, error.length).toString()).toBe(marked);
    const before = Buffer.from(whole).subarray(0, error.offset).toString().split("\n");
    expect([error.line, error.column]).toEqual([before.length, [...(before.at(-1) ?? "")].length + 1]);
  });

  test("one that is about no part of the document has none", () => {
    const error = JSON.parse(
      run("outcome", {
        plugin: "p",
        cniVersion: "1.0.0",
        exitCode: 1,
        stdout: '{"code":100,"msg":"no"}',
        stderr: "",
        expectsResult: true,
      }).text,
    ) as object;
    expect(error).toEqual({ code: 100, msg: "no" });
  });
});

function textAt(document: unknown, pointer: string): string {
  return pointer
    .slice(1)
    .split("/")
    .reduce((value, key) => (value as Record<string, unknown>)[key], document) as string;
}

describe("lint.wasm's operations say what is wrong beside their answer", () => {
  test.each([
    ["selection", { annotation: '[{"name":"a","ip":["10.0.0.5"]}]' }, "unknown-key", "/annotation", "/0/ip"],
    ["selection", { annotation: '[{"name":"a",}]' }, "trailing-comma", "/annotation", ""],
    ["netconf", ` ${settings('"logLevle":"debug"')}`, "unknown-key", undefined, "/logLevle"],
    ["netconf", settings('"maxNetworks":1,"maxNetworks":2'), "repeated-key", undefined, "/maxNetworks"],
    ["describe", { conf: conf({ isGatewy: true }), source: "s" }, "unknown-key", "/conf", "/isGatewy"],
    [
      "plan",
      planOf({ conf: conf() }, { conf: conf({ mtu: "1500" }) }),
      "wrong-type",
      "/networks/1/conf",
      "/mtu",
    ],
    [
      "plan",
      planOf({ conf: conf() }, { conf: conf({ type: "a/b" }) }),
      "bad-name",
      "/networks/1/conf",
      "/type",
    ],
  ])("%s of %j", (operation, document, rule, text, path) => {
    const { status, text: answer } = diagnose(operation, document);
    const { output } = lintOperations[operation as keyof typeof lintOperations];
    const { diagnostics } = (status === 0 ? output : diagnosedError).parse(JSON.parse(answer)) as {
      diagnostics: Cause[];
    };
    expect(diagnostics.map((one) => [one.rule, one.text, one.path])).toEqual([[rule, text, path]]);
  });

  test("and the answer is core.wasm's, byte for byte", () => {
    for (const [operation, documents] of Object.entries(seeds)) {
      for (const document of documents) {
        const own = run(operation, document);
        const diagnosed = diagnose(operation, document);
        expect(diagnosed.status).toBe(own.status);
        const bare =
          own.text.startsWith("[") && operation === "selection" ? `{"elements":${own.text}}` : own.text;
        const [kept] = diagnosed.text.split(',"diagnostics":');
        expect(
          ["netconf", "describe", "selection", "plan"].includes(operation) ? `${kept}}` : diagnosed.text,
        ).toBe(bare);
      }
    }
  });

  test("what an earlier call knew of the node is forgotten", () => {
    const { exports } = new WebAssembly.Instance(linting);
    const both = [
      ["lint", { documents: [], plugins: ["x"], networks: ["n/a"], interfaces: ["eth0"] }],
      ["selection", { annotation: "b" }],
    ] as const;
    const [, answer] = both.map(([operation, document]) => runIn(exports, operation, encode(document)).text);
    expect(answer).toBe('{"elements":[{"name":"b","namespace":"default"}],"diagnostics":[],"more":false}');
  });
});
