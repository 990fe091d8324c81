import { describe, expect, test } from "vitest";
import { operations } from "../../packages/core/documents.ts";
import { faultOf, loadCore } from "../support/core.ts";

const core = loadCore();
const select = (annotation: string, more: { maxNetworks?: number } = {}) =>
  operations.selection.output.parse(core.selection({ annotation, namespace: "own", ...more }));

describe("the comma-delimited format", () => {
  test("names networks, their namespaces and interfaces, in order", () => {
    expect(select("a, other/b ,c@if0,other/d@net-1.5")).toEqual([
      { name: "a", namespace: "own" },
      { name: "b", namespace: "other" },
      { name: "c", namespace: "own", interface: "if0" },
      { name: "d", namespace: "other", interface: "net-1.5" },
    ]);
  });

  test.each([
    "a_b",
    "A",
    "-a",
    "a-",
    "a,,b",
    ",",
    "a/b/c",
    "/a",
    "a@b@c",
    "a@",
    "a@x/y",
    "a@sixteencharacter",
    "a@..",
    "a b",
    "é",
  ])("%j is refused", (annotation) => {
    const fault = faultOf(() => select(annotation));
    expect(fault.code).toBe(7);
    expect(fault.message).toContain("is not `[namespace/]name[@interface]`");
  });
});

describe("the JSON format", () => {
  test("carries every request of the NPWG standard and Multus's own", () => {
    const element = {
      name: "a.b",
      namespace: "other",
      interface: "net9",
      ips: ["10.9.0.5/24", "fd00::5/64", "10.0.0.1", "::1"],
      mac: "02:11:22:33:44:55",
      "infiniband-guid": "24:8a:07:03:00:8d:ae:2e",
      deviceID: "0000:03:02.1",
      "default-route": ["10.9.0.1", "fd00::1"],
      portMappings: [{ hostPort: 81, containerPort: 8081, protocol: "tcp", hostIP: "127.0.0.1" }],
      bandwidth: { ingressRate: 5, ingressBurst: 6, egressRate: 7, egressBurst: 8 },
      "cni-args": { k: { deep: [1, "x"] } },
      vendor: "ignored",
    };
    expect(select(JSON.stringify([element]))).toEqual([
      {
        name: "a.b",
        namespace: "other",
        interface: "net9",
        ips: element.ips,
        mac: element.mac,
        infinibandGUID: element["infiniband-guid"],
        deviceID: element.deviceID,
        defaultRoute: element["default-route"],
        portMappings: JSON.stringify(element.portMappings),
        bandwidth: JSON.stringify(element.bandwidth),
        cniArgs: '{"k":{"deep":[1,"x"]}}',
      },
    ]);
  });

  test("takes `interfaceRequest` if there is no `interface`", () => {
    expect(select('[{"name":"a","interfaceRequest":"old0"}]')).toMatchObject([{ interface: "old0" }]);
    expect(select('[{"name":"a","interface":"new0","interfaceRequest":"old0"}]')).toMatchObject([
      { interface: "new0" },
    ]);
  });

  test("an empty list selects nothing, and an empty default-route is kept", () => {
    expect(select("[]")).toEqual([]);
    expect(select('[{"name":"a","default-route":[]}]')).toMatchObject([{ defaultRoute: [] }]);
  });

  test("numbers in cni-args keep every digit", () => {
    expect(select('[{"name":"a","cni-args":{"id":9007199254740993}}]')).toMatchObject([
      { cniArgs: '{"id":9007199254740993}' },
    ]);
  });

  test.each([
    ['[{"name":"a"},]', 6, "is not valid JSON: expected a value at byte 14"],
    ['{"name":"a"}', 7, "must be a JSON list"],
    ['["a"]', 7, "networks[0]: it must be an object"],
    ["[{}]", 7, "networks[0]: `name` must be the name of a NetworkAttachmentDefinition"],
    ['[{"name":"../../etc"}]', 7, 'not "../../etc"'],
    ['[{"name":"a"},{"name":"b","namespace":"x/y"}]', 7, "networks[1]: `namespace` must be"],
    ['[{"name":"a","namespace":"x.y"}]', 7, "networks[0]: `namespace` must be"],
    ['[{"name":"a","interface":"a/b"}]', 7, "networks[0]: `interface` must have"],
    ['[{"name":"a","ips":"10.0.0.1"}]', 7, "networks[0]: `ips` must be a list of strings"],
    [
      '[{"name":"a","ips":["10.0.0.256"]}]',
      7,
      'networks[0]: `ips` must hold IP addresses, with or without a prefix length, not "10.0.0.256"',
    ],
    ['[{"name":"a","ips":["10.0.0.1/33"]}]', 7, 'not "10.0.0.1/33"'],
    ['[{"name":"a","ips":["1:2:3:4:5:6:7:8:9"]}]', 7, "networks[0]: `ips`"],
    ['[{"name":"a","mac":"nope"}]', 7, "networks[0]: `mac` must be the MAC address of one interface"],
    ['[{"name":"a","infiniband-guid":"00"}]', 7, "networks[0]: `infiniband-guid` must be"],
    ['[{"name":"a","default-route":["x"]}]', 7, "networks[0]: `default-route` must hold IP addresses"],
    ['[{"name":"a","portMappings":{}}]', 7, "networks[0]: `portMappings` must be a list"],
    [
      '[{"name":"a","portMappings":[{"hostPort":65536}]}]',
      7,
      "networks[0].portMappings: `hostPort` must be a whole number from 1 to 65535",
    ],
    ['[{"name":"a","bandwidth":{"ingressRate":1.5}}]', 7, "`ingressRate` must be a whole number"],
    ['[{"name":"a","cni-args":[]}]', 7, "networks[0]: `cni-args` must be an object"],
    ['[{"name":7}]', 7, "networks[0]: `name` must be a string"],
  ])("%s is refused, and the message says which and why", (annotation, code, message) => {
    const fault = faultOf(() => select(annotation));
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(message);
  });
});

describe("limits", () => {
  test("more networks than allowed are refused in either format", () => {
    expect(select("a,b", { maxNetworks: 2 })).toHaveLength(2);
    for (const annotation of ["a,b,c", '[{"name":"a"},{"name":"b"},{"name":"c"}]']) {
      expect(faultOf(() => select(annotation, { maxNetworks: 2 })).message).toContain(
        "at most 2 are allowed",
      );
    }
  });

  test("an empty annotation is refused", () => {
    expect(faultOf(() => select("  ")).message).toContain("is empty");
  });

  test("a message repeats foreign text only in part", () => {
    expect(faultOf(() => select("é".repeat(100_000))).message.length).toBeLessThan(600);
  });
});
