import { describe, expect, test } from "vitest";
import { operations } from "../../packages/core/documents.ts";
import type { Delegate, Network } from "../../packages/core/index.ts";
import { faultOf, loadCore } from "../support/core.ts";

const core = loadCore();
const runtime = {
  containerId: "c1",
  netns: "/n",
  ifname: "eth0",
  args: "K8S_POD_NAMESPACE=d;K8S_POD_NAME=p",
};
const network = (conf: object | string, more: Partial<Network> = {}): Network => ({
  conf: typeof conf === "string" ? conf : JSON.stringify(conf),
  source: "the test",
  ...more,
});
const plan = (networks: Network[], more: object = {}) =>
  operations.plan.output.parse(core.plan({ runtime, networks, ...more }));
const delegates = (...networks: Network[]) => plan(networks).delegates;
const bridge = (name: string, more: object = {}) =>
  network({ cniVersion: "1.0.0", name, type: "bridge", ...more });
const stdin = (delegate: Delegate | undefined, plugin = 0, more: object = {}) =>
  operations.invoke.output.parse(
    core.invoke({ verb: "ADD", plugin, delegate: delegate as Delegate, runtime, ...more }),
  ).stdin;

describe("plan", () => {
  test("names interfaces: the runtime's for the default network, net1, net2 ... or as asked for the others", () => {
    const planned = delegates(
      bridge("a"),
      bridge("b"),
      { ...bridge("c"), selection: { interface: "if0" } },
      bridge("d"),
    );
    expect(planned.map(({ ifname, default: isDefault }) => [ifname, isDefault])).toEqual([
      ["eth0", true],
      ["net1", false],
      ["if0", false],
      ["net3", false],
    ]);
  });

  test("refuses two interfaces of one name, whoever asked for it", () => {
    const fault = faultOf(() =>
      plan([bridge("a"), { ...bridge("b"), selection: { interface: "net2" } }, bridge("c")]),
    );
    expect(fault).toMatchObject({ code: 7 });
    expect(fault.message).toContain('interface "net2": networks "b" and "c" would both have it');
  });

  test("refuses an interface that another call of the runtime has, also one that is kept, and takes its own again", () => {
    const one = { ...bridge("b"), selection: { interface: "x1" } };
    const first = core.plan({ runtime, networks: [bridge("a"), one] });
    const second = (more: object) =>
      core.plan({ runtime: { ...runtime, ifname: "eth1" }, networks: [bridge("c"), one], ...more });
    for (const kept of [undefined, ["eth0", "x1"]]) {
      const fault = faultOf(() => second({ scratch: first.scratch, kept }));
      expect(fault).toMatchObject({ code: 7, place: { path: "/networks/1/selection/interface" } });
      expect(fault.message).toBe(
        'interface "x1": networks "b" and "b" would both have it; give one of them another name',
      );
    }
    expect(second({}).delegates).toHaveLength(2);
    const again = core.plan({ runtime, networks: [bridge("a"), one], scratch: first.scratch });
    expect(again.scratch).toBe(first.scratch);
    const kept = core.plan({ runtime, networks: [bridge("a"), one], scratch: first.scratch, kept: ["x1"] });
    expect(JSON.parse(kept.scratch)).toHaveLength(2);
  });

  test("gives MAC and IPs in CNI_ARGS and as capability arguments, and names the device-info file", () => {
    const selection = {
      ips: ["10.0.0.5/24", "fd00::5/64"],
      mac: "02:00:00:00:00:01",
      deviceID: "0000:03:02.1",
    };
    const [, asked] = delegates(bridge("a"), { ...bridge("b"), name: "ns/b", selection });
    expect(asked?.args).toEqual([
      ["IgnoreUnknown", "true"],
      ["K8S_POD_NAMESPACE", "d"],
      ["K8S_POD_NAME", "p"],
      ["MAC", "02:00:00:00:00:01"],
      ["IP", "10.0.0.5/24,fd00::5/64"],
    ]);
    expect(JSON.parse(asked?.capabilityArgs ?? "")).toEqual({
      ips: selection.ips,
      mac: selection.mac,
      deviceID: selection.deviceID,
      CNIDeviceInfoFile: "/var/run/k8s.cni.cncf.io/devinfo/cni/ns-b-c1_net1",
    });
  });

  test("CNI_ARGS begin with IgnoreUnknown and have each of the runtime's keys once, in its order", () => {
    const args = "A=1;;B=;=c;C;IgnoreUnknown=false;IP=10.0.0.1;A=2;D=a=b;";
    const selection = { mac: "02:00:00:00:00:01", ips: ["10.0.0.9"] };
    const networks = [{ ...bridge("a"), selection }];
    const [planned] = plan(networks, { runtime: { ...runtime, args } }).delegates;
    expect(planned?.args).toEqual([
      ["IgnoreUnknown", "true"],
      ["A", "2"],
      ["B", ""],
      ["IP", "10.0.0.9"],
      ["D", "a=b"],
      ["MAC", "02:00:00:00:00:01"],
    ]);
  });

  describe("with the runtime's own capability arguments", () => {
    const runtimeConfig =
      '{"mac":"02:00:00:00:00:aa","portMappings":[{"hostPort":1}],"dns":{},"vendor":12345678901234567890}';
    const selection = { mac: "02:00:00:00:00:01" };
    const argsOf = (more: object) => {
      const networks = ["a", "b"].map((name) => ({ ...bridge(name), selection }));
      return plan(networks, { runtimeConfig, ...more }).delegates.map(({ capabilityArgs }) => capabilityArgs);
    };
    const whole = '{"mac":"02:00:00:00:00:aa","portMappings":[{"hostPort":1}],"vendor":12345678901234567890}';

    test("an attachment's request goes before them; the default network takes none, and alone their port mappings", () => {
      const second = '{"mac":"02:00:00:00:00:01","vendor":12345678901234567890}';
      expect(argsOf({})).toEqual([whole, second]);
      expect(argsOf({ runtimePortMappings: "default" })).toEqual([whole, second]);
    });

    test("their port mappings reach all networks if the conf says so, as with Multus", () => {
      const second =
        '{"mac":"02:00:00:00:00:01","portMappings":[{"hostPort":1}],"vendor":12345678901234567890}';
      expect(argsOf({ runtimePortMappings: "all" })).toEqual([whole, second]);
    });
  });

  test("names the capabilities that are asked for and that no plugin of the network claims", () => {
    const selection = {
      ips: ["10.0.0.5"],
      mac: "02:00:00:00:00:01",
      infinibandGUID: "24:8a:07:03:00:8d:ae:2e",
      bandwidth: '{"ingressRate":1}',
      portMappings: '[{"hostPort":1,"containerPort":2}]',
      deviceID: "0000:03:02.1",
    };
    const unclaimed = (more: object) =>
      delegates(bridge("a"), { ...bridge("b", more), selection })[1]?.unclaimed;
    expect(unclaimed({})).toEqual(["ips", "mac", "infinibandGUID", "bandwidth", "portMappings"]);
    expect(unclaimed({ capabilities: { mac: true, bandwidth: false } })).toEqual([
      "ips",
      "infinibandGUID",
      "bandwidth",
      "portMappings",
    ]);
    const capabilities = { ips: true, infinibandGUID: true, bandwidth: true };
    const plugins = [
      { type: "x", capabilities },
      { type: "y", capabilities: { mac: true, portMappings: true } },
    ];
    expect(unclaimed({ type: undefined, plugins })).toBeUndefined();
    expect(delegates(bridge("a"), bridge("b")).every((one) => one.unclaimed === undefined)).toBe(true);
  });

  test("merges cni-args and an allocated device into every plugin, and leaves every other byte", () => {
    const conf =
      '{ "name":"l","cniVersion":"1.0.0","big": 9007199254740993,"plugins":[ {"type":"x","args":{"cni":{"k":"old","keep":1.50}}}, {"type":"y"} ] }';
    const selection = { cniArgs: '{"k":{"n":9007199254740995},"new":2}' };
    const device = { id: "0000:01:00.1", resourceName: "vendor/vf" };
    const [, delegate] = delegates(bridge("a"), network(conf, { selection, device }));
    expect(delegate?.conf).toBe(
      '{ "name":"l","cniVersion":"1.0.0","big": 9007199254740993,"plugins":[ ' +
        '{"type":"x","args":{"cni":{"k":{"n":9007199254740995},"keep":1.50,"new":2}},"deviceID":"0000:01:00.1","pciBusID":"0000:01:00.1"}, ' +
        '{"type":"y","deviceID":"0000:01:00.1","pciBusID":"0000:01:00.1","args":{"cni":{"k":{"n":9007199254740995},"new":2}}} ] }',
    );
    expect(delegate).toMatchObject({ deviceID: "0000:01:00.1", resourceName: "vendor/vf" });
  });

  test("a network that asks for the default route takes it from the others, family by family", () => {
    const dropped = (...defaultRoute: string[]) =>
      delegates(bridge("a"), { ...bridge("b"), selection: { defaultRoute } }, bridge("c")).map(
        ({ dropDefaultRoute, gateways }) => [dropDefaultRoute, gateways],
      );
    for (const [asked, other] of [
      [["10.0.0.1"], { v4: true, v6: false }],
      [["fd00::1"], { v4: false, v6: true }],
      [["10.0.0.1", "fd00::1"], { v4: true, v6: true }],
      [[], { v4: true, v6: true }],
    ] as const) {
      const others = [other, undefined];
      expect(dropped(...asked)).toEqual([others, [undefined, asked], others]);
    }
    expect(dropped("::ffff:10.0.0.1")[1]).toEqual([undefined, ["10.0.0.1"]]);
    expect(delegates(bridge("a"), bridge("b")).every((one) => one.dropDefaultRoute === undefined)).toBe(true);
  });

  test("a default network's plugins are given no requests as capabilities, and that is told as unclaimed", () => {
    const selection = {
      ips: ["10.0.0.5"],
      mac: "02:00:00:00:00:01",
      infinibandGUID: "24:8a:07:03:00:8d:ae:2e",
      bandwidth: '{"ingressRate":1}',
      portMappings: '[{"hostPort":1,"containerPort":1}]',
    };
    const all = Object.keys(selection);
    const capabilities = Object.fromEntries(all.map((name) => [name, true]));
    const asked = (name: string, more: object = {}) => ({
      ...bridge(name, { capabilities }),
      selection,
      ...more,
    });
    const [first, second, third] = delegates(
      asked("a"),
      asked("b", { default: true, selection: { ...selection, interface: "x" } }),
      asked("c"),
    );
    for (const one of [first, second]) {
      expect(one?.capabilityArgs).toBeUndefined();
      expect([...(one?.unclaimed ?? [])].sort()).toEqual([...all].sort());
      expect(one?.args).toContainEqual(["IP", "10.0.0.5"]);
      expect(one?.args).toContainEqual(["MAC", "02:00:00:00:00:01"]);
    }
    expect(third?.unclaimed).toBeUndefined();
    expect(Object.keys(JSON.parse(third?.capabilityArgs ?? "{}")).sort()).toEqual([...all].sort());
  });

  test("says which verbs a network's plugins may be called with: those of its version that its conf does not disable", () => {
    const verbs = (more: object) => delegates(bridge("a", more))[0]?.verbs;
    for (const cniVersion of ["", "0.1.0", "0.2.0", "0.3.0", "0.3.1"])
      expect(verbs({ cniVersion })).toEqual([]);
    for (const cniVersion of ["0.4.0", "1.0.0"]) expect(verbs({ cniVersion })).toEqual(["CHECK"]);
    const cniVersion = "1.1.0";
    expect(verbs({ cniVersion })).toEqual(["CHECK", "GC", "STATUS"]);
    expect(verbs({ cniVersion: "0.4.0", cniVersions: ["1.1.0"] })).toEqual(["CHECK", "GC", "STATUS"]);
    expect(verbs({ cniVersion, disableCheck: true })).toEqual(["GC", "STATUS"]);
    expect(verbs({ cniVersion, disableGC: "true" })).toEqual(["CHECK", "STATUS"]);
  });

  test("names each attachment's file in libcni's result cache", () => {
    const planned = delegates(bridge("a"), { ...bridge("b"), name: "ns/b", selection: { interface: "if0" } });
    expect(planned.map(({ cacheFile }) => cacheFile)).toEqual(["a-c1-eth0", "b-c1-if0"]);
  });

  test("a conf without a name takes the one it is known by", () => {
    const [delegate] = delegates(network('{"type":"bridge"}', { fallbackName: "z" }));
    expect(delegate).toMatchObject({ network: "z", conf: '{"type":"bridge","name":"z"}' });
  });

  test.each([
    ["broken JSON", "{", 6, "the test is not valid JSON"],
    ["neither type nor plugins", '{"name":"x"}', 7, "needs `type` (of a conf) or `plugins`"],
    ["no plugins in its list", '{"name":"x","plugins":[]}', 7, "at least one plugin"],
    [
      "a path as type",
      '{"name":"x","type":"../../bin/sh"}',
      7,
      '"../../bin/sh" must be the name of an executable, not a path',
    ],
    ["a dot-dot as type", '{"name":"x","type":".."}', 7, "must be the name of an executable"],
    ["a NUL in its type", '{"name":"x","type":"a\\u0000b"}', 7, "must be the name of an executable"],
    ["a path as type in a chain", '{"name":"x","plugins":[{"type":"a"},{"type":"/bin/sh"}]}', 7, '"/bin/sh"'],
    ["an empty type", '{"name":"x","type":""}', 7, "needs `type`"],
    ["a path as name", '{"name":"../x","type":"a"}', 7, '`name` "../x" must start with'],
    ["no name at all", '{"type":"a"}', 7, "`name` is required"],
    ["an unknown version", '{"name":"x","type":"a","cniVersion":"7.0.0"}', 1, "is not supported"],
    [
      "capabilities that are a list",
      '{"name":"x","type":"a","capabilities":["mac"]}',
      7,
      "`capabilities` must be",
    ],
    ["a list", "[1]", 7, "must be a JSON object"],
  ])("a network with %s is refused, naming where the conf is from", (_, conf, code, message) => {
    const fault = faultOf(() => plan([bridge("a"), network(conf)]));
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(message);
    expect(fault.message).toContain("the test");
  });
});

describe("invoke", () => {
  test("a conf that needs no change reaches the plugin byte for byte", () => {
    const conf =
      '{ "zeta":1e3, "name" : "n","a":9007199254740993, "type":"x","cniVersion":"1.0.0","zeta":2, "\\u00e9":[ ] }';
    expect(stdin(delegates(network(conf))[0])).toBe(conf);
  });

  test("a chained plugin gets the list's name and version, and the result so far", () => {
    const conf = { cniVersion: "0.4.0", name: "l", plugins: [{ type: "x" }, { type: "y", k: 1 }] };
    const [delegate] = delegates(network(conf));
    expect(stdin(delegate)).toBe('{"type":"x","name":"l","cniVersion":"0.4.0"}');
    const prevResult = '{"cniVersion":"0.4.0", "vendor":1.0}';
    expect(stdin(delegate, 1, { prevResult })).toBe(
      `{"type":"y","k":1,"name":"l","cniVersion":"0.4.0","prevResult":${prevResult}}`,
    );
  });

  test("of a key that a conf repeats the last one is set, and the others become null", () => {
    const conf = '{"cniVersion":"1.0.0","name":"n","type":"x","prevResult":1,"prevResult":{"a":1},"k":2}';
    const prevResult = '{"cniVersion":"1.0.0"}';
    expect(stdin(delegates(network(conf))[0], 0, { prevResult })).toBe(
      `{"cniVersion":"1.0.0","name":"n","type":"x","prevResult":null,"prevResult":${prevResult},"k":2}`,
    );
  });

  test("of several versions the highest supported one is chosen", () => {
    const conf = { cniVersion: "0.3.1", cniVersions: ["0.4.0", "1.0.0", "2.0.0"], name: "n", type: "x" };
    expect(JSON.parse(stdin(delegates(network(conf))[0]))).toMatchObject({ cniVersion: "1.0.0" });
  });

  test("a plugin gets only the capability arguments that its conf claims", () => {
    const conf = {
      cniVersion: "1.0.0",
      name: "n",
      plugins: [{ type: "x", capabilities: { mac: true, ips: false } }, { type: "y" }],
    };
    const [, delegate] = delegates(
      bridge("a"),
      network(conf, { selection: { mac: "02:00:00:00:00:01", ips: ["10.0.0.1"] } }),
    );
    expect(JSON.parse(stdin(delegate, 0))).toMatchObject({ runtimeConfig: { mac: "02:00:00:00:00:01" } });
    expect(JSON.parse(stdin(delegate, 1))).not.toHaveProperty("runtimeConfig");
  });

  test("GC tells a plugin the valid attachments under both names, and nothing of a container", () => {
    const [delegate] = delegates(bridge("a", { cniVersion: "1.1.0" }));
    const validAttachments = '[{"containerID":"c","ifname":"i"}]';
    const { env, stdin } = core.invoke({
      verb: "GC",
      plugin: 0,
      delegate: delegate as Delegate,
      runtime,
      validAttachments,
    });
    expect(env).toEqual({
      CNI_COMMAND: "GC",
      CNI_CONTAINERID: "",
      CNI_NETNS: "",
      CNI_IFNAME: "",
      CNI_ARGS: "",
    });
    expect(JSON.parse(stdin)).toMatchObject({
      "cni.dev/valid-attachments": JSON.parse(validAttachments),
      "cni.dev/attachments": JSON.parse(validAttachments),
    });
  });

  test("a DEL before 0.4.0 takes no prevResult, and one that is unusable is left out", () => {
    const result = '{"cniVersion":"0.3.1","ips":[]}';
    const [old] = delegates(bridge("a", { cniVersion: "0.3.1" }));
    expect(stdin(old, 0, { verb: "DEL", prevResult: result })).not.toContain("prevResult");
    const [current] = delegates(bridge("a"));
    expect(stdin(current, 0, { verb: "DEL", prevResult: '{"cniVersion":"x"}' })).not.toContain("prevResult");
    expect(faultOf(() => stdin(current, 0, { prevResult: '{"cniVersion":"x"}' })).code).toBe(1);
  });
});
