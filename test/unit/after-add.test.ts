// What a pod asked for and did not get, and why a network's plugin may have failed.
import binaryen from "assemblyscript/binaryen";
import { describe, expect, test } from "vitest";
import type { Call } from "../../launcher/attach/call.ts";
import { withCauses } from "../../launcher/attach/causes.ts";
import { Fault } from "../../launcher/fault.ts";
import { lintOperations } from "../../packages/core/documents.ts";
import { Core } from "../../packages/core/index.ts";
import { loadCore, loadLint } from "../support/core.ts";
import { coreBytes } from "../support/wasm.ts";

const core = loadCore();
const linter = loadLint();
const runtime = { containerId: "c", netns: "/n", ifname: "eth0", args: "" };
const conf = (more: object) => JSON.stringify({ cniVersion: "1.0.0", name: "n", ...more });

function unmetOf(selection: object, result: object, more: { deviceID?: string; deviceInfo?: string } = {}) {
  const networks = [
    { conf: conf({ type: "bridge" }), source: "one" },
    { conf: conf({ type: "macvlan" }), source: "two", name: "d/n", selection },
  ];
  const [, delegate] = core.plan({ runtime, networks }).delegates;
  if (!delegate) throw new Error("there is no second network");
  const { deviceInfo, ...rest } = more;
  const attachment = { delegate: { ...delegate, ...rest }, result: JSON.stringify(result) };
  return core.status({ attachments: [{ ...attachment, ...(deviceInfo && { deviceInfo }) }] }).unmet;
}

const result = (name: string, mac: string, ...ips: string[]) => ({
  cniVersion: "1.0.0",
  interfaces: [{ name, mac, sandbox: "/n" }],
  ips: ips.map((address) => ({ address, interface: 0 })),
});

describe("a request that was met is not told of", () => {
  test.each([
    ["nothing was asked for", {}, result("net1", "02:00:00:00:00:02", "10.0.0.6/24")],
    [
      "addresses, written otherwise",
      { ips: ["10.0.0.5", "fd00:0::5/64"] },
      result("net1", "", "10.0.0.5/24", "fd00::5/64"),
    ],
    ["a MAC address, written otherwise", { mac: "02:00:00:00:00:AB" }, result("net1", "02-00-00-00-00-ab")],
    ["a MAC address that the result does not name", { mac: "02:00:00:00:00:01" }, result("net1", "")],
    ["an interface's name", { interface: "if0" }, result("if0", "")],
    [
      "an address of an old result",
      { ips: ["10.0.0.5"] },
      { cniVersion: "0.2.0", ip4: { ip: "10.0.0.5/24" } },
    ],
  ])("%s", (_, selection, given) => {
    expect(unmetOf(selection, given)).toEqual([]);
  });
});

describe("a request that was not met names its rule, what was asked for, and what was given", () => {
  test("addresses", () => {
    const given = result("net1", "", "10.0.0.6/24", "fd00::5/64");
    const [one, ...more] = unmetOf({ ips: ["10.0.0.5", "10.0.0.7/24", "fd00::5"] }, given);
    expect([one?.rule, one?.capability, more]).toEqual(["address-not-given", "ips", []]);
    expect(one?.message).toMatch(
      /^network d\/n on net1: `ips` asks for "10.0.0.5", "10.0.0.7\/24", and its plugins gave "10.0.0.6\/24", "fd00::5\/64"; /,
    );
  });

  test("no address at all", () => {
    expect(unmetOf({ ips: ["10.0.0.5"] }, { cniVersion: "1.0.0" })[0]?.message).toContain("gave no address;");
  });

  test("a MAC address", () => {
    const [one] = unmetOf({ mac: "02:00:00:00:00:01" }, result("net1", "02:00:00:00:00:02"));
    expect(one).toMatchObject({ rule: "mac-not-given", capability: "mac" });
    expect(one?.message).toContain(
      '`mac` asks for "02:00:00:00:00:01", and its plugins gave "02:00:00:00:00:02";',
    );
  });

  test("an interface's name", () => {
    const [one] = unmetOf({ interface: "if0" }, result("net1", ""));
    expect(one?.rule).toBe("interface-not-given");
    expect(one?.message).toContain('on if0: `interface` asks for "if0", and its plugins gave "net1";');
  });

  test("a device", () => {
    const deviceInfo = '{"type":"pci","version":"1.0.0","pci":{"pci-address":"0000:03:00.2"}}';
    const [one] = unmetOf({}, result("net1", ""), { deviceID: "0000:03:00.1", deviceInfo });
    expect(one?.rule).toBe("device-not-given");
    const own = '{"type":"pci","version":"1.0.0","pci":{"pci-address":"0000:03:00.1"}}';
    expect(unmetOf({}, result("net1", ""), { deviceID: "0000:03:00.1", deviceInfo: own })).toEqual([]);
  });
});

const node = { interfaces: ["bond0", "cali1", "ens8", "eth0", "lo", "veth2"], devices: ["0000:03:02.0"] };
const causes = (more: object, message: string) => {
  const found = linter.causes({ conf: conf(more), message, ...node });
  lintOperations.causes.output.parse({ causes: found });
  return found.map(({ rule, path, found: what, remedy }) => `${path} [${rule}] ${what}; ${remedy}`);
};

describe("the error of a plugin names what in its conf may be why", () => {
  test.each([
    [
      "a `master` that the node does not have",
      { type: "macvlan", master: "ens9" },
      'failed to lookup master "ens9": Link not found',
      '/master [unknown-interface] `master` is "ens9", which the node does not have; write one of the node\'s interfaces: bond0, ens8, eth0',
    ],
    [
      "a device that the node does not have",
      { type: "host-device", deviceID: "0000:03:02.1" },
      "failed to find device",
      '/deviceID [unknown-device] `deviceID` is "0000:03:02.1", a device that the node does not have; it has 0000:03:02.0; `plexus sriov list` shows VFs',
    ],
    [
      "an IPAM plugin that is not there",
      { type: "bridge", ipam: { type: "host-locl" } },
      'failed to find plugin "host-locl" in path [/opt/cni/bin]',
      '/ipam/type [unknown-plugin] there is no plugin "host-locl" that Plexus knows; if you mean `host-local`, write that',
    ],
    [
      "a range that is full",
      { plugins: [{ type: "bridge", ipam: { type: "host-local", subnet: "10.0.0.0/30", dataDir: "/d" } }] },
      "failed to allocate for range 0: no IP addresses available in range set: 10.0.0.1-10.0.0.2",
      "/plugins/0/ipam [range-full] the range of `ipam` has no address left; give it a larger one, or detach who has its " +
        "addresses: each file in /d/n is one, and has the container's ID",
    ],
  ])("%s", (_, more, message, expected) => {
    expect(causes(more, message)).toEqual([expected]);
  });

  test("and nothing if there is nothing that the node lacks", () => {
    expect(causes({ type: "macvlan", master: "ens8" }, "device or resource busy")).toEqual([]);
    expect(causes({ type: "macvlan", master: "x", linkInContainer: true }, "Link not found")).toEqual([]);
    expect(causes({ type: "bridg" }, "it is a plugin of ours, and has failed")).toEqual([]);
  });

  test("three at most, and those about the node are among them", () => {
    const keys = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`mastr${i}`, "x"]));
    const found = causes({ type: "macvlan", ...keys, mdoe: "vepa", mtuu: 1, master: "ens9" }, "no");
    expect(found.length).toBe(3);
    expect(found.some((one) => one.includes("[unknown-interface]"))).toBe(true);
  });

  test("one that cannot be explained is as it was", async () => {
    const [delegate] = core.plan({
      runtime,
      networks: [{ conf: conf({ type: "macvlan", master: "x" }), source: "s" }],
    }).delegates;
    if (!delegate) throw new Error("there is no delegate");
    const fault = new Fault(7, "Link not found", "Why", "plugin's error");
    const log = { write: () => undefined };
    const host = { list: () => Promise.reject(new Error("no")) };
    const asked = { host, log, linter: () => linter } as unknown as Call;
    expect(await withCauses(asked, delegate, fault)).toBe(fault);
    const failing = () => {
      throw new Error("lint.wasm cannot be read");
    };
    const lists = { list: async () => ["eth0"] };
    const broken = [failing, () => ({ causes: failing })] as unknown as Call["linter"][];
    for (const one of broken)
      expect(
        await withCauses({ ...asked, host: lists, linter: one } as unknown as Call, delegate, fault),
      ).toBe(fault);
    const empty = { ...asked, host: { list: async () => [] } } as unknown as Call;
    expect(await withCauses(empty, delegate, fault)).toBe(fault);
    const known = { ...asked, host: { list: async () => ["eth0"] } } as unknown as Call;
    expect(await withCauses(known, delegate, fault)).toMatchObject({
      code: 7,
      reason: "Why",
      cause: "plugin's error",
      message:
        'Link not found; `master` is "x", which the node does not have; write one of the node\'s interfaces: eth0 [unknown-interface]',
    });
  });

  test("and a linter that traps leaves the plugin's error as it was, and goes on working", async () => {
    const module = binaryen.readBinary(coreBytes("lint.wasm"));
    const text = module
      .emitText()
      .replace(
        /\(export "causes" \(func [^)]+\)\)/,
        '(export "causes" (func $trap)) (func $trap (param i32 i32) (result i32) (unreachable))',
      );
    const broken = binaryen.parseText(text);
    broken.setFeatures(module.getFeatures());
    const trapping = new Core(new Uint8Array(broken.emitBinary()));
    for (const one of [module, broken]) one.dispose();
    expect(() => trapping.causes({ conf: "{}", message: "" })).toThrow(Fault);
    const [delegate] = core.plan({
      runtime,
      networks: [{ conf: conf({ type: "macvlan", master: "x" }), source: "s" }],
    }).delegates;
    if (!delegate) throw new Error("there is no delegate");
    const fault = new Fault(7, "Link not found");
    const written: string[] = [];
    const call = {
      host: { list: async () => ["eth0"] },
      log: { write: (level: string, message: string) => written.push(`${level} ${message}`) },
      linter: () => trapping,
    } as unknown as Call;
    expect(await withCauses(call, delegate, fault)).toBe(fault);
    expect(written).toEqual([expect.stringMatching(/^debug .*the causes are not known/)]);
    expect(trapping.isAlive()).toBe(true);
  });

  test("of a conf of a megabyte, which would keep other calls waiting, none is looked for", async () => {
    const fault = new Fault(7, "Link not found");
    const asked = {
      host: { list: async () => ["eth0"] },
      linter: () => {
        throw new Error("it is looked at");
      },
    };
    const long = conf({ type: "macvlan", master: "x", more: "x".repeat(1 << 20) });
    const said: string[] = [];
    const log = { write: (_: string, message: string) => said.push(message) };
    await withCauses({ ...asked, log } as unknown as Call, { conf: long } as never, fault);
    expect(said).toEqual([]);
  });
});
