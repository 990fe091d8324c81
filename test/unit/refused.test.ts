// What a pod must not ask for, and what no host may hand to an operation: each is refused, and the message says why.
import { describe, expect, test } from "vitest";
import type { Delegate, Network, Selection } from "../../packages/core/index.ts";
import { faultOf, loadCore } from "../support/core.ts";

const core = loadCore();
const json = JSON.stringify;
const runtime = { containerId: "c1", netns: "/n", ifname: "eth0", args: "" };
const conf = json({ cniVersion: "1.1.0", name: "n", type: "x" });
const eight = "02:00:5e:00:53:01:02:03";
const twenty = Array(20).fill("02").join(":");

/** A member of a network selection element, as the annotation has it, and a part of the message. */
const requests: [string, object, string][] = [
  ["an empty list of IPs", { ips: [] }, "`ips` is empty"],
  ["an IP with another argument behind it", { ips: ["10.0.0.1;MAC=1"] }, "`ips` must hold IP addresses"],
  ["an IP with a zone", { ips: ["fe80::1%eth0"] }, "`ips` must hold IP addresses"],
  ["an IP with leading zeros", { ips: ["010.0.0.1"] }, "`ips` must hold IP addresses"],
  ["an interface that is a path", { interface: "../../x" }, "`interface` must have 1 to 15 bytes"],
  ["an interface of the name of all", { interface: "all" }, "`interface` must have 1 to 15 bytes"],
  ["an interface of the name of those to come", { interface: "default" }, "be neither `all` nor `default`"],
  ["an interface that the kernel numbers", { interface: "a%d" }, "`interface` must have 1 to 15 bytes"],
  [
    "an interface with what the kernel takes for a space",
    { interface: "à1" },
    "`interface` must have 1 to 15 bytes",
  ],
  ["a MAC of 8 octets", { mac: eight }, "six octets"],
  ["a MAC of 20 octets", { mac: twenty }, "six octets"],
  ["a multicast MAC", { mac: "01:00:5e:00:00:01" }, "`mac` must be the MAC address of one interface"],
  ["the broadcast MAC", { mac: "ff:ff:ff:ff:ff:ff" }, "`mac` must be the MAC address of one interface"],
  ["a GUID of 6 octets", { "infiniband-guid": "02:00:5e:00:53:01" }, "eight octets"],
  ["a GUID of 20 octets", { "infiniband-guid": twenty }, "eight octets"],
  ["a device that is a path upwards", { deviceID: "a/../../b" }, "`deviceID` must have"],
  ["a device with a semicolon", { deviceID: "0000:01:00.1;x" }, "`deviceID` must have"],
  ["an empty list of port mappings", { portMappings: [] }, "`portMappings` is empty"],
  ["a mapping without hostPort", { portMappings: [{ containerPort: 80 }] }, "`hostPort` must be"],
  ["a mapping without containerPort", { portMappings: [{ hostPort: 80 }] }, "`containerPort` must be"],
  ["port 0", { portMappings: [{ hostPort: 0, containerPort: 80 }] }, "from 1 to 65535"],
  [
    "a protocol that does not exist",
    { portMappings: [{ hostPort: 80, containerPort: 80, protocol: "icmp" }] },
    "tcp, udp or sctp",
  ],
  [
    "a host IP that is none",
    { portMappings: [{ hostPort: 80, containerPort: 80, hostIP: "localhost" }] },
    "IP addresses as `hostIP`",
  ],
  ["bandwidth without a member", { bandwidth: {} }, "`bandwidth` is empty"],
  ["bandwidth without a rate", { bandwidth: { rate: 1 } }, "has neither `ingressRate` nor `egressRate`"],
  ["a burst without its rate", { bandwidth: { ingressBurst: 1 } }, "`ingressBurst` needs `ingressRate`"],
  [
    "a burst with the other direction's rate",
    { bandwidth: { ingressRate: 1, egressBurst: 1 } },
    "`egressBurst` needs `egressRate`",
  ],
  ["a burst with a rate of 0", { bandwidth: { egressRate: 0, egressBurst: 1 } }, "needs `egressRate`"],
  ["a negative rate", { bandwidth: { ingressRate: -1 } }, "a whole number from 0"],
  ["two IPv4 gateways", { "default-route": ["10.0.0.1", "10.0.0.2"] }, "2 IPv4 and 0 IPv6 gateways"],
  [
    "two IPv4 gateways, one mapped into IPv6",
    { "default-route": ["10.0.0.1", "::ffff:10.0.0.2"] },
    "2 IPv4 and 0 IPv6 gateways",
  ],
  [
    "a gateway with a prefix",
    { "default-route": ["10.0.0.1/24"] },
    'must hold IP addresses, not "10.0.0.1/24"',
  ],
];

/** As `selection` would hand it to `plan`: other hosts can skip `selection`. */
function selectionOf(element: Record<string, unknown>): Partial<Selection> {
  const names: Record<string, string> = {
    "infiniband-guid": "infinibandGUID",
    "default-route": "defaultRoute",
  };
  const asText = ["portMappings", "bandwidth"];
  return Object.fromEntries(
    Object.entries(element).map(([name, value]) => [
      names[name] ?? name,
      asText.includes(name) ? json(value) : value,
    ]),
  );
}

const select = (...elements: object[]) =>
  core.selection({ annotation: json(elements.map((one) => ({ name: "a", ...one }))), namespace: "ns" });
const plan = (networks: Partial<Network>[], more: object = {}) =>
  core.plan({ runtime, networks: networks.map((one) => ({ conf, source: "the test", ...one })), ...more });

describe("a pod that asks for", () => {
  test.each(requests)("%s is refused", (_, element, message) => {
    const fault = faultOf(() => select(element));
    expect(fault.code).toBe(7);
    expect(fault.message).toContain(message);
  });

  test.each([
    ["IPv4", ["10.0.0.1"], ["10.0.0.2"]],
    ["two families", ["10.0.0.1"], ["fd00::1"]],
    ["nothing", [], []],
  ])("a default-route in two elements is refused: %s", (_, first, second) => {
    const fault = faultOf(() => select({ "default-route": first }, { "default-route": second }));
    expect([fault.code, fault.message]).toEqual([
      7,
      "`default-route`: 2 networks have it, and one may; put the gateways of both families into that one",
    ]);
  });

  test("ips together with an IPAMClaim is refused; without them the claim is left to IPAM", () => {
    const claim = { "ipam-claim-reference": "c" };
    expect(faultOf(() => select({ ...claim, ips: ["10.0.0.1"] })).message).toContain(
      "`ips` and `ipam-claim-reference` exclude each other",
    );
    expect(select(claim)).toEqual([{ name: "a", namespace: "ns" }]);
  });

  test("what plugins take gets it", () => {
    const element = {
      mac: "02-00-5E-00-53-01",
      "infiniband-guid": eight,
      portMappings: [{ hostPort: 1, containerPort: 65535, protocol: "SCTP", hostIP: "::ffff:10.0.0.1" }],
      bandwidth: { egressRate: 0, egressBurst: 0 },
      "default-route": ["10.0.0.1", "fd00::1"],
    };
    const [selection] = select(element);
    expect(selection).toMatchObject({
      mac: element.mac,
      infinibandGUID: eight,
      defaultRoute: ["10.0.0.1", "fd00::1"],
    });
    expect(plan([{}, selection ? { selection } : {}]).delegates).toHaveLength(2);
  });
});

describe("a host that gives `plan`", () => {
  test.each(requests)("%s is refused", (_, element, message) => {
    const fault = faultOf(() => plan([{ selection: selectionOf(element as Record<string, unknown>) }]));
    expect(fault.code).toBe(7);
    expect(fault.message).toContain(message);
  });

  test.each<[string, () => unknown, number, string]>([
    [
      "a default-route in two networks",
      () => plan([{ selection: { defaultRoute: [] } }, { selection: { defaultRoute: ["fd00::1"] } }]),
      7,
      "2 networks have it",
    ],
    ["a name that is a path", () => plan([{ name: "../x" }]), 7, "`name` must be the name of a network"],
    [
      "a fallback name that is a path",
      () => plan([{ conf: '{"type":"x"}', fallbackName: "a/b" }]),
      7,
      "`fallbackName`",
    ],
    [
      "a device that is a path upwards",
      () => plan([{ device: { id: "../x", resourceName: "r" } }]),
      7,
      "`id` must have",
    ],
    [
      "a container ID that is a path",
      () => plan([{}], { runtime: { ...runtime, containerId: "../x" } }),
      4,
      "`containerId`",
    ],
    [
      "an interface that is a path",
      () => plan([{}], { runtime: { ...runtime, ifname: "../x" } }),
      4,
      "`ifname`",
    ],
    ["CNI_ARGS with a line feed", () => plan([{}], { runtime: { ...runtime, args: "A=\n" } }), 4, "CNI_ARGS"],
    [
      "a runtimeConfig that is a list",
      () => plan([{}], { runtimeConfig: "[1]" }),
      7,
      "`runtimeConfig` must be a JSON object",
    ],
    [
      "port mappings for somebody",
      () => plan([{}], { runtimePortMappings: "some" }),
      7,
      '"default" or "all"',
    ],
  ])("%s is refused", (_, action, code, message) => {
    const fault = faultOf(action);
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(message);
  });
});

describe("a host that gives `invoke` and `remember`", () => {
  const [planned] = plan([{}]).delegates;
  const delegate = planned as Delegate;
  const container = { containerId: "c1", netns: "/n" };
  const both = (change: object, call: object = container) => {
    const given = { delegate: { ...delegate, ...change }, runtime: call as typeof container };
    return [
      faultOf(() => core.invoke({ verb: "ADD", plugin: 0, ...given })),
      faultOf(() => core.remember({ result: '{"cniVersion":"1.0.0"}', ...given })),
    ];
  };

  test.each<[string, object, string]>([
    ["an interface that is a path", { ifname: "../../x" }, "`ifname`"],
    ["the runtime's interface as a path", { runtimeIfname: "../../x" }, "`runtimeIfname`"],
    ["a network that is a path", { network: "../x" }, "`network`"],
    ["a name that is a path", { name: "../x" }, "`name`"],
    ["an argument with another one behind it", { args: [["IP", "10.0.0.1;MAC=1"]] }, "`args`"],
    ["an argument with a line feed", { args: [["A", "\n"]] }, "`args`"],
    ["a key with =", { args: [["A=B", "1"]] }, "`args`"],
    ["arguments that are no list", { args: { A: "1" } }, "`args`"],
    ["capability arguments that are a list", { capabilityArgs: "[1]" }, "`capabilityArgs`"],
    ["an empty interface", { ifname: "" }, "must not be empty"],
  ])("%s is refused by both", (_, change, message) => {
    for (const fault of both(change)) {
      expect([4, 7]).toContain(fault.code);
      expect(fault.message).toContain(message);
    }
  });

  test.each<[string, object, string]>([
    ["a container ID that is a path", { containerId: "../x", netns: "/n" }, "`containerId`"],
    ["a netns with a line feed", { containerId: "c1", netns: "/n\n" }, "`netns`"],
  ])("%s is refused by both", (_, call, message) => {
    for (const fault of both({}, call)) {
      expect(fault.code).toBe(4);
      expect(fault.message).toContain(message);
    }
  });

  test("a file name that is not the attachment's is refused by `remember`", () => {
    const given = { delegate: { ...delegate, cacheFile: "../../x" }, runtime: container };
    expect(faultOf(() => core.remember({ result: '{"cniVersion":"1.0.0"}', ...given })).message).toContain(
      "`cacheFile` is not the one of this container",
    );
  });

  test.each(["{}", "[1]", '[{"containerID":"c"}]', '[{"containerID":"c","ifname":1}]'])(
    "%s as valid attachments is refused by `invoke`",
    (validAttachments) => {
      const given = { verb: "GC" as const, plugin: 0, delegate, runtime: container, validAttachments };
      expect(faultOf(() => core.invoke(given)).message).toContain("`validAttachments` must be a list of");
    },
  );
});

describe("`environment`", () => {
  const unset = { CNI_CONTAINERID: "", CNI_NETNS: "", CNI_IFNAME: "", CNI_PATH: "" };

  test("with VERSION needs no other variable, looks at none, and takes any version", () => {
    const odd = { CNI_CONTAINERID: "../x", CNI_IFNAME: "a/b", CNI_NETNS: "\n", CNI_PATH: "" };
    core.environment({ CNI_COMMAND: "VERSION", ...unset, cniVersion: "" });
    core.environment({ CNI_COMMAND: "VERSION", ...odd, cniVersion: "9.9.9" });
  });

  test("refuses a version with leading zeros", () => {
    const given = { ...unset, CNI_COMMAND: "STATUS", CNI_PATH: "/b", cniVersion: "001.001.000" };
    expect(faultOf(() => core.environment(given))).toMatchObject({ code: 1 });
  });
});
