// A container on several networks: where the conf names them, and what becomes of them when things go wrong.
import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Conf, type Container, Lab } from "../support/lab.ts";
import type { Outcome } from "../support/outcome.ts";
import { until } from "../support/until.ts";

const OK = { exitCode: 0, stdout: "", stderr: "" };

let lab: Lab;
let container: Container;
beforeEach(async () => {
  lab = await Lab.open();
  container = await lab.container();
});
afterEach(() => lab.close());

/** ADD that has to succeed. */
async function add(conf: Conf, target: Partial<Parameters<Lab["run"]>[2]> = {}): Promise<Outcome> {
  const added = await lab.run("ADD", conf, { container, ...target });
  expect(added).toMatchObject({ exitCode: 0, stderr: "" });
  return added;
}

/** DEL that has to succeed, and to leave nothing on the whole node. */
async function delAll(conf: Conf): Promise<void> {
  expect(await lab.run("DEL", conf, { container })).toMatchObject(OK);
  expect(await lab.leftovers()).toEqual([]);
}

async function mtu(ifname: string): Promise<number> {
  const json = await lab.inside(container, "ip", "-json", "link", "show", "dev", ifname);
  return (JSON.parse(json) as { mtu: number }[])[0]?.mtu ?? 0;
}

const stateFile = () => join(lab.cniDir, container.id);
const cacheFiles = () => fs.readdirSync(join(lab.cniDir, "results")).sort();
const tuning = (to: number) => ({ type: "tuning", mtu: to, dataDir: join(lab.dir, "tuning") });

describe("several networks", () => {
  it("are attached in the conf's order, as the runtime's interface and net1 to net4", async () => {
    await lab.cable("par0", "10.222.4.1/24");
    const ipam = { type: "static", addresses: [{ address: "10.222.4.5/24" }] };
    const conf = lab.conf([
      lab.bridge("one", 1),
      lab.bridge("two", 2),
      { cniVersion: "1.0.0", name: "three", type: "ptp", ipam: lab.hostLocal(3) },
      { cniVersion: "0.4.0", name: "four", type: "macvlan", master: "par0", ipam },
      { cniVersion: "0.3.1", name: "five", plugins: [{ type: "tap" }] },
    ]);
    const { answer } = await add(conf);

    expect((await lab.interfaces(container)).sort()).toEqual(["eth0", "net1", "net2", "net3", "net4"]);
    for (const [ifname, address] of [
      ["eth0", "10.222.1.2/24"],
      ["net1", "10.222.2.2/24"],
      ["net2", "10.222.3.2/24"],
      ["net3", "10.222.4.5/24"],
    ] as const) {
      expect(await lab.addresses(container, ifname)).toEqual([address]);
      const gateway = address.replace(/\d+\/24$/, "1");
      await lab.inside(container, "ping", "-q", "-c", "1", "-W", "2", "-I", ifname, gateway);
    }
    expect(answer).toMatchObject({ cniVersion: "1.1.0", ips: [{ address: "10.222.1.2/24" }] });
    expect(answer.interfaces?.filter(({ sandbox }) => sandbox).map(({ name }) => name)).toEqual(["eth0"]);
    expect(await lab.run("CHECK", conf, { container })).toMatchObject(OK);
    await delAll(conf);
  });

  it("may be one network three times, with an address for each interface", async () => {
    const conf = lab.conf([
      lab.bridge("one", 1),
      lab.bridge("many", 2),
      lab.bridge("many", 2),
      lab.bridge("many", 2),
    ]);
    await add(conf);
    const addresses = await Promise.all(
      ["net1", "net2", "net3"].map((ifname) => lab.addresses(container, ifname)),
    );
    expect(addresses.flat()).toEqual(["10.222.2.2/24", "10.222.2.3/24", "10.222.2.4/24"]);
    expect(await lab.run("CHECK", conf, { container })).toMatchObject(OK);
    await delAll(conf);
  });

  it("may be conflists: a secondary one runs its whole chain", async () => {
    const { type, bridge, isGateway, ipam, ...identity } = lab.bridge("two", 2);
    const conf = lab.conf([
      lab.bridge("one", 1),
      { ...identity, plugins: [{ type, bridge, isGateway, ipam }, tuning(1400), tuning(1300)] },
    ]);
    await add(conf);
    expect(await mtu("net1")).toBe(1300);
    expect(await mtu("eth0")).toBe(1500);
    await delAll(conf);
  });

  it("name the plugin of a conflist that has failed", async () => {
    const { type, bridge, ipam, ...identity } = lab.bridge("two", 2);
    const bad = { type: "tuning", sysctl: { "net.ipv4.no_such_key": "1" } };
    const conf = lab.conf([lab.bridge("one", 1), { ...identity, plugins: [{ type, bridge, ipam }, bad] }]);
    const { exitCode, answer } = await lab.run("ADD", conf, { container });
    expect(exitCode).toBe(1);
    expect(answer.msg).toContain("network two on net1: plugin tuning: ");
    await delAll(conf);
  });

  it("are separate for two containers on one node", async () => {
    const conf = lab.conf([lab.bridge("one", 1), lab.bridge("two", 2)]);
    const peer = await lab.container();
    await Promise.all([add(conf), add(conf, { container: peer })]);
    const [address = ""] = await lab.addresses(peer, "net1");
    await lab.inside(
      container,
      "ping",
      "-q",
      "-c",
      "1",
      "-W",
      "2",
      "-I",
      "net1",
      address.replace(/\/.*/, ""),
    );

    expect(await lab.run("DEL", conf, { container: peer })).toMatchObject(OK);
    expect(await lab.interfaces(peer)).toEqual([]);
    expect(await lab.run("CHECK", conf, { container })).toMatchObject(OK);
    await delAll(conf);
  });

  it("are refused before anything is done where a plugin is not installed", async () => {
    const conf = lab.conf([lab.bridge("one", 1), { cniVersion: "1.1.0", name: "two", type: "fake-missing" }]);
    const { exitCode, answer } = await lab.run("ADD", conf, { container });
    expect(exitCode).toBe(1);
    expect(answer.msg).toContain(`"fake-missing" in ${lab.binDir}`);
    expect(await lab.leftovers()).toEqual([]);
  });
});

describe("the default network", () => {
  it.each(["file", "directory", "name"])("is found by its %s in clusterNetwork", async (way) => {
    const file = lab.file("10-one.conf", lab.bridge("one", 1));
    lab.file("20-two.conf", lab.bridge("two", 2));
    fs.writeFileSync(join(lab.confDir, "00-broken.conf.bak"), "{");
    const clusterNetwork = { file, directory: lab.confDir, name: "one" }[way];
    const conf = lab.conf([], { clusterNetwork });
    await add(conf);
    expect(await lab.addresses(container, "eth0")).toEqual(["10.222.1.2/24"]);
    expect(await lab.run("CHECK", conf, { container })).toMatchObject(OK);
    await delAll(conf);
  });

  it("is accompanied by defaultNetworks, except in system namespaces", async () => {
    lab.file("10-one.conf", lab.bridge("one", 1));
    lab.file("20-two.conf", lab.bridge("two", 2));
    lab.file("30-three.conf", lab.bridge("three", 3));
    const conf = lab.conf([], { clusterNetwork: "one", defaultNetworks: ["three", "two"] });
    await add(conf, { args: "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart" });
    expect(await lab.addresses(container, "net1")).toEqual(["10.222.3.2/24"]);
    expect(await lab.addresses(container, "net2")).toEqual(["10.222.2.2/24"]);
    await delAll(conf);

    await add(conf, { args: "IgnoreUnknown=1;K8S_POD_NAMESPACE=kube-system;K8S_POD_NAME=dns" });
    expect(await lab.interfaces(container)).toEqual(["eth0"]);
    await delAll(conf);
  });

  it("is undone by what was attached, not by what the conf says now", async () => {
    lab.file("10-one.conf", lab.bridge("one", 1));
    const conf = lab.conf([], { clusterNetwork: "one" });
    await add(conf);
    fs.rmSync(join(lab.confDir, "10-one.conf"));
    await delAll(conf);
  });

  it("goes on with the plugins in its subdirectory, in the order of their names", async () => {
    const { type, bridge, isGateway, ipam, ...identity } = lab.bridge("one", 1);
    const clusterNetwork = lab.file("10-one.conflist", {
      ...identity,
      plugins: [{ type, bridge, isGateway, ipam }],
    });
    lab.file("one/20-last.conf", tuning(1300));
    lab.file("one/10-first.conf", tuning(1400));
    lab.file("one/30-not-a-plugin.txt", tuning(1200));
    const conf = lab.conf([], { clusterNetwork });
    await add(conf);
    expect(await mtu("eth0")).toBe(1300);
    expect(await lab.run("CHECK", conf, { container })).toMatchObject({ exitCode: 1 }); // 1400 was asked for too
    await delAll(conf);
  });

  it("takes no plugins from its subdirectory with loadOnlyInlinedPlugins", async () => {
    const { type, bridge, isGateway, ipam, ...identity } = lab.bridge("one", 1);
    const plugins = [{ type, bridge, isGateway, ipam }];
    const list = { ...identity, loadOnlyInlinedPlugins: true, plugins };
    const clusterNetwork = lab.file("10-one.conflist", list);
    lab.file("one/10-first.conf", tuning(1400));
    const conf = lab.conf([], { clusterNetwork });
    await add(conf);
    expect(await mtu("eth0")).toBe(1500);
    await delAll(conf);
  });

  it("runs the auxiliary chain beside it", async () => {
    lab.fake("fake-aux");
    const clusterNetwork = lab.file("10-one.conf", lab.bridge("one", 1));
    lab.file("aux/10-aux.conf", { type: "fake-aux", colour: "green" });
    const conf = lab.conf([], { clusterNetwork, auxiliaryCNIChainName: "aux" });
    await add(conf);
    expect(lab.calls("fake-aux")).toMatchObject([
      { verb: "ADD", containerId: container.id, conf: { name: "aux", type: "fake-aux", colour: "green" } },
    ]);
    await delAll(conf);
    expect(lab.calls("fake-aux").map(({ verb }) => verb)).toEqual(["ADD", "DEL"]);
  });

  it("fails if a conf of the auxiliary chain is broken, and attaches nothing then", async () => {
    const clusterNetwork = lab.file("10-one.conf", lab.bridge("one", 1));
    fs.writeFileSync(lab.file("aux/10-aux.conf", {}), '{"type":');
    const conf = lab.conf([], { clusterNetwork, auxiliaryCNIChainName: "aux" });
    const { exitCode, answer } = await lab.run("ADD", conf, { container });
    expect([exitCode, answer.code, answer.msg]).toEqual([1, 6, expect.stringContaining("10-aux.conf")]);
    expect(await lab.interfaces(container)).toEqual([]);
    expect((await lab.run("DEL", conf, { container })).exitCode).toBe(0);
  });
});

describe("the answer", () => {
  const result = `{"cniVersion":"1.0.0","ips":[{"address":"10.9.0.2/24"}],"x":12345678901234567890}`;
  const conf = (cniVersion: string) => ({
    ...lab.conf([{ cniVersion: "1.0.0", name: "one", type: "fake-one" }]),
    cniVersion,
  });

  it.each([
    ["1.0.0", result],
    ["0.4.0", '"version":"4"'],
    ["0.2.0", '"ip4":{'],
  ])("has the version of the conf: %s", async (cniVersion, part) => {
    lab.fake("fake-one", { ADD: `printf '%s' '${result}'` });
    const { answer, stdout } = await add(conf(cniVersion));
    expect([answer.cniVersion, stdout]).toEqual([cniVersion, expect.stringContaining(part)]);
    await delAll(conf(cniVersion));
  });

  it("stays in its plugin's version if it has no form in the conf's", async () => {
    lab.fake("fake-one", { ADD: `printf '%s' '{"cniVersion":"1.0.0"}'` });
    const { exitCode, answer } = await lab.run("ADD", conf("0.2.0"), { container });
    expect([exitCode, answer]).toEqual([0, { cniVersion: "1.0.0" }]);
    await delAll(conf("0.2.0"));
  });
});

describe("STATUS", () => {
  it("is silent where a container can be added", async () => {
    expect(await lab.run("STATUS", lab.conf([lab.bridge("one", 1)]))).toMatchObject(OK);
  });

  it("says 50 until the readiness indicator file is there", async () => {
    const indicator = join(lab.dir, "ready");
    const conf = lab.conf([lab.bridge("one", 1)], { readinessindicatorfile: indicator });
    expect(await lab.run("STATUS", conf)).toMatchObject({
      exitCode: 1,
      answer: { code: 50, msg: expect.stringContaining(indicator) },
    });
    fs.writeFileSync(indicator, "");
    expect(await lab.run("STATUS", conf)).toMatchObject(OK);
  });

  it("says 50 where the default network's plugin is not installed", async () => {
    const conf = lab.conf([{ cniVersion: "1.1.0", name: "one", type: "fake-missing" }]);
    expect(await lab.run("STATUS", conf)).toMatchObject({
      exitCode: 1,
      answer: { cniVersion: "1.1.0", code: 50, msg: expect.stringContaining("fake-missing") },
    });
  });

  it("passes on what the default network's plugin says", async () => {
    lab.fake("fake-limited", {
      STATUS: `echo '{"cniVersion":"1.1.0","code":51,"msg":"no way out"}'; exit 1`,
    });
    const conf = lab.conf([{ cniVersion: "1.1.0", name: "one", type: "fake-limited" }]);
    expect(await lab.run("STATUS", conf)).toMatchObject({
      exitCode: 1,
      answer: { code: 51, msg: expect.stringContaining("no way out") },
    });
  });
});

describe("CHECK", () => {
  it.each(["eth0", "net1"])("finds that %s has lost its address", async (ifname) => {
    const conf = lab.conf([lab.bridge("one", 1), lab.bridge("two", 2)]);
    await add(conf);
    await lab.inside(container, "ip", "address", "flush", "dev", ifname);
    const { exitCode, answer } = await lab.run("CHECK", conf, { container });
    expect(exitCode).toBe(1);
    expect(answer.msg).toContain(`network ${ifname === "eth0" ? "one" : "two"} on ${ifname}`);
    await delAll(conf);
  });

  it("says 3 of a container that was never added", async () => {
    const { exitCode, answer } = await lab.run("CHECK", lab.conf([lab.bridge("one", 1)]), { container });
    expect({ exitCode, code: answer.code }).toEqual({ exitCode: 1, code: 3 });
  });
});

describe("GC", () => {
  const asked = (attachments: { container: Container; ifname: string }[]) => ({
    "cni.dev/valid-attachments": attachments.map(({ container, ifname }) => ({
      containerID: container.id,
      ifname,
    })),
  });

  it("undoes containers that are no more, alive or dead, and keeps the others whole", async () => {
    const conf = lab.conf([lab.bridge("one", 1), lab.bridge("two", 2)]);
    const [forgotten, dead] = [await lab.container(), await lab.container()];
    await add(conf);
    for (const container of [forgotten, dead]) await add(conf, { container });
    await lab.kill(dead);
    expect(lab.reserved()).toHaveLength(6);

    const gc = { ...conf, ...asked([{ container, ifname: "eth0" }]) };
    expect(await lab.run("GC", gc)).toMatchObject(OK);
    expect(await lab.interfaces(forgotten)).toEqual([]);
    expect(lab.reserved()).toEqual(["10.222.1.2", "10.222.2.2"]);
    expect(await lab.run("CHECK", conf, { container })).toMatchObject(OK);
    await delAll(conf);
  });

  it.each([
    ["an empty list", { "cni.dev/valid-attachments": [] }],
    ["`null`, as CRI-O sends it", { "cni.dev/valid-attachments": null, "cni.dev/attachments": null }],
    ["no list, as cnitool", {}],
  ])("undoes every container if the runtime names none: %s", async (_, none) => {
    lab.fake("fake-gc");
    const conf = lab.conf([lab.bridge("one", 1), { cniVersion: "1.1.0", name: "two", type: "fake-gc" }]);
    const dead = await lab.container();
    for (const one of [container, dead]) await add(conf, { container: one });
    await lab.kill(dead);
    expect(await lab.run("GC", { ...conf, ...none })).toMatchObject(OK);
    expect(await lab.interfaces(container)).toEqual([]);
    const [told] = lab.calls("fake-gc").filter(({ verb }) => verb === "GC");
    expect(told?.conf["cni.dev/valid-attachments"]).toEqual([]);
    expect(await lab.leftovers()).toEqual([]);
    expect(await lab.run("GC", { ...conf, ...none })).toMatchObject(OK); // a node on which nothing is left
  });

  it("tells each network of its own attachments only", async () => {
    lab.fake("fake-gc");
    const network = (name: string) => ({ cniVersion: "1.1.0", name, type: "fake-gc" });
    const conf = lab.conf([lab.bridge("one", 1), network("two"), network("three")]);
    const [peer, stale] = [await lab.container(), await lab.container()];
    for (const container of [peer, stale]) await add(conf, { container });
    await add(conf);

    const gc = { ...conf, ...asked([container, peer].map((container) => ({ container, ifname: "eth0" }))) };
    expect(await lab.run("GC", gc)).toMatchObject(OK);
    const told = lab.calls("fake-gc").filter(({ verb }) => verb === "GC");
    expect(told.map(({ conf }) => conf.name).sort()).toEqual(["three", "two"]);
    for (const { conf } of told) {
      const ifname = conf.name === "two" ? "net1" : "net2";
      const attachments = conf["cni.dev/valid-attachments"] as { containerID: string; ifname: string }[];
      expect(new Set(attachments.map((one) => `${one.containerID} ${one.ifname}`))).toEqual(
        new Set([`${container.id} ${ifname}`, `${peer.id} ${ifname}`]),
      );
    }
    const undone = lab.calls("fake-gc").filter(({ verb }) => verb === "DEL");
    expect(undone.map(({ containerId, ifname }) => [containerId, ifname])).toEqual([
      [stale.id, "net2"],
      [stale.id, "net1"],
    ]);
  });

  it("keeps what the default network has of pods that were there before Plexus", async () => {
    lab.fake("fake-primary");
    const primary = { cniVersion: "1.1.0", name: "primary", type: "fake-primary" };
    const conf = lab.conf([primary, { ...primary, name: "second" }]);
    const [before, gone] = [await lab.container(), await lab.container()];
    await add(conf);
    await add(conf, { container: gone });
    const gc = { ...conf, ...asked([before, container].map((container) => ({ container, ifname: "eth0" }))) };
    expect(await lab.run("GC", gc)).toMatchObject(OK);
    const told = lab.calls("fake-primary").filter(({ verb }) => verb === "GC");
    const lists = told.map(({ conf }) => [
      conf.name,
      (conf["cni.dev/valid-attachments"] as { containerID: string; ifname: string }[])
        .map(({ containerID, ifname }) => `${containerID} ${ifname}`)
        .sort(),
    ]);
    expect(Object.fromEntries(lists)).toEqual({
      primary: [`${before.id} eth0`, `${container.id} eth0`].sort(),
      second: [`${container.id} net1`],
    });
  });

  it("of one conf leaves alone what another one has in the same cniDir", async () => {
    const first = lab.conf([lab.bridge("one", 1)]);
    const second = { ...lab.conf([lab.bridge("one", 1), lab.bridge("two", 2)]), name: "second" };
    const [other, stale] = [await lab.container(), await lab.container()];
    await add(first);
    await add(first, { container: stale });
    await add(second, { container: other });
    expect(await lab.run("GC", { ...first, ...asked([{ container, ifname: "eth0" }]) })).toMatchObject(OK);
    expect(await lab.interfaces(stale)).toEqual([]);
    for (const [conf, one] of [
      [first, container],
      [second, other],
    ] as const) {
      expect(await lab.run("CHECK", conf, { container: one })).toMatchObject(OK);
    }
    expect(lab.reserved()).toHaveLength(3);
    expect(await lab.run("GC", { ...second, ...asked([]) })).toMatchObject(OK);
    expect(lab.reserved()).toHaveLength(1);
    await delAll(first);
  });

  it("undoes one interface name of a container and keeps the other", async () => {
    const [first, second] = [lab.conf([lab.bridge("one", 1)]), lab.conf([lab.bridge("two", 2)])];
    await add(first);
    await add(second, { ifname: "eth7" });
    expect(await lab.run("GC", { ...first, ...asked([{ container, ifname: "eth0" }]) })).toMatchObject(OK);
    expect(await lab.interfaces(container)).toEqual(["eth0"]);
    expect(lab.reserved()).toEqual(["10.222.1.2"]);
    await delAll(first);
  });
});

describe("an ADD that fails at its third network", () => {
  const failing = () => {
    lab.fake("fake-failing", {
      ADD: `echo '{"cniVersion":"1.1.0","code":117,"msg":"no more carrots"}'; exit 1`,
    });
    const third = { cniVersion: "1.1.0", name: "three", type: "fake-failing" };
    return lab.conf([lab.bridge("one", 1), lab.bridge("two", 2), third, lab.bridge("four", 4)]);
  };

  it("passes on the plugin's code and message, and undoes the first two", async () => {
    const conf = failing();
    const { exitCode, answer } = await lab.run("ADD", conf, { container });
    expect(exitCode).toBe(1);
    expect(answer).toMatchObject({ cniVersion: "1.1.0", code: 117 });
    expect(answer.msg).toMatch(/network three on net2: .*no more carrots/);
    expect(lab.calls("fake-failing").map(({ verb }) => verb)).toEqual(["ADD", "DEL"]);
    expect(await lab.interfaces(container)).toEqual([]);
    expect(lab.reserved()).toEqual([]);
    await delAll(conf); // as every runtime does after a failed ADD
  });

  it("leaves only the list of what the DEL to follow looks at", async () => {
    await lab.run("ADD", failing(), { container });
    expect(await lab.leftovers()).toEqual([`file ${stateFile()}`]);
  });
});

describe("a Plexus that is killed during an ADD", () => {
  /** Three networks. The one at `position` does its work, and then blocks as long as `$dir/block` is there. */
  const slow = (position: number) => {
    lab.fake("fake-slow", {
      ADD: `touch "$dir/slow"; [ ! -e "$dir/block" ] || { touch "$dir/blocked"; sleep 60; }; echo '{"cniVersion":"1.1.0"}'`,
      DEL: `rm -f "$dir/slow"`,
    });
    fs.writeFileSync(join(lab.dir, "block"), "");
    const networks = [lab.bridge("one", 1), lab.bridge("two", 2)];
    networks.splice(position, 0, { cniVersion: "1.1.0", name: "slow", type: "fake-slow" });
    return lab.conf(networks);
  };

  async function addAndKill(conf: Conf): Promise<void> {
    const { pid, outcome } = lab.start("ADD", conf, { container });
    await until("the network is at work", () => fs.existsSync(join(lab.dir, "blocked")));
    process.kill(pid, "SIGKILL");
    expect(await outcome).toMatchObject({ exitCode: null, stdout: "" });
    fs.rmSync(join(lab.dir, "block"));
  }

  it.each([0, 1, 2])("at network %i leaves what the next DEL removes", async (position) => {
    const conf = slow(position);
    await addAndKill(conf);
    expect(await lab.leftovers()).not.toEqual([]);
    await delAll(conf);
    expect(fs.existsSync(join(lab.dir, "slow"))).toBe(false);
  });

  it.each([0, 1, 2])("at network %i is made good by the next ADD", async (position) => {
    const conf = slow(position);
    await addAndKill(conf);
    await add(conf);
    expect(lab.reserved()).toHaveLength(2);
    expect(lab.calls("fake-slow").map(({ verb }) => verb)).toEqual(["ADD", "DEL", "ADD"]);
    expect(await lab.run("CHECK", conf, { container })).toMatchObject(OK);
    await delAll(conf);
    expect(fs.existsSync(join(lab.dir, "slow"))).toBe(false);
  });
});

describe("damaged state", () => {
  const tear = (path: string) => fs.truncateSync(path, Math.floor(fs.statSync(path).size / 2));
  const DAMAGES: Record<string, (path: string) => void> = {
    whole: () => undefined,
    missing: (path) => fs.rmSync(path),
    empty: (path) => fs.truncateSync(path, 0),
    torn: tear,
  };
  const cache = (name: string) => join(lab.cniDir, "results", name);
  const CACHES: Record<string, () => void> = {
    "with the default network's result missing": () => fs.rmSync(cache(`one-${container.id}-eth0`)),
    "with a secondary network's result torn": () => tear(cache(`two-${container.id}-net1`)),
    "with all results missing": () => fs.rmSync(join(lab.cniDir, "results"), { recursive: true }),
    "with all results empty": () => {
      for (const name of cacheFiles()) fs.truncateSync(cache(name));
    },
    "with all results torn": () => {
      for (const name of cacheFiles()) tear(cache(name));
    },
    "with all results whole": () => undefined,
  };

  describe.each(Object.keys(DAMAGES))("a scratch file that is %s", (scratch) => {
    // With no file at all there is nothing to tell it from a container that was never added.
    const known = ([name]: [string, unknown]) =>
      !(scratch === "missing" && name === "with all results missing");
    it.each(Object.entries(CACHES).filter(known))(
      "%s, is no reason for DEL to leak or to fail",
      async (_, damage) => {
        const conf = lab.conf([lab.bridge("one", 1), lab.bridge("two", 2)]);
        await add(conf);
        expect(cacheFiles()).toHaveLength(2);
        DAMAGES[scratch]?.(stateFile());
        damage();
        await delAll(conf);
      },
    );
  });

  it.each(["missing", "empty", "torn"])(
    "a scratch file that is %s does not keep CHECK and ADD from their work",
    async (scratch) => {
      const conf = lab.conf([lab.bridge("one", 1), lab.bridge("two", 2)]);
      await add(conf);
      DAMAGES[scratch]?.(stateFile());
      expect(await lab.run("CHECK", conf, { container })).toMatchObject(OK);
      await add(conf); // of a runtime that has lost its own state
      expect(lab.reserved()).toHaveLength(2);
      await delAll(conf);
    },
  );
});

describe("a DEL that fails", () => {
  it("undoes the other networks, keeps its state, and succeeds when it is tried again", async () => {
    lab.fake("fake-stubborn", {
      DEL: `[ ! -e "$dir/block" ] || { echo '{"cniVersion":"1.1.0","code":11,"msg":"not now"}'; exit 1; }`,
    });
    const stubborn = { cniVersion: "1.1.0", name: "two", type: "fake-stubborn" };
    const conf = lab.conf([lab.bridge("one", 1), stubborn, lab.bridge("three", 3)]);
    await add(conf);

    fs.writeFileSync(join(lab.dir, "block"), "");
    const { exitCode, answer } = await lab.run("DEL", conf, { container });
    expect({ exitCode, code: answer.code }).toEqual({ exitCode: 1, code: 11 });
    expect(answer.msg).toMatch(/network two on net1: .*not now/);
    expect(await lab.interfaces(container)).toEqual([]);
    expect(lab.reserved()).toEqual([]);
    expect(fs.existsSync(stateFile())).toBe(true);
    expect(cacheFiles()).toEqual([`two-${container.id}-net1`]);

    fs.rmSync(join(lab.dir, "block"));
    await delAll(conf);
    expect(lab.calls("fake-stubborn").map(({ verb }) => verb)).toEqual(["ADD", "DEL", "DEL"]);
  });

  it("succeeds where the container's namespace is gone already", async () => {
    const conf = lab.conf([lab.bridge("one", 1), lab.bridge("two", 2)]);
    await add(conf);
    await lab.kill(container);
    await delAll(conf);
  });

  it("succeeds without CNI_NETNS", async () => {
    const conf = lab.conf([lab.bridge("one", 1), lab.bridge("two", 2)]);
    await add(conf);
    await lab.kill(container);
    expect(await lab.run("DEL", conf, { container, netns: "" })).toMatchObject(OK);
    expect(await lab.leftovers()).toEqual([]);
  });
});

describe("two interface names for one container", () => {
  it.each([
    ["eth0", "eth7"],
    ["eth7", "eth0"],
  ])("are attachments of their own: DEL of %s leaves %s whole", async (gone, stays) => {
    const confs: Record<string, Conf> = {
      eth0: lab.conf([lab.bridge("one", 1), lab.bridge("two", 2)]),
      eth7: lab.conf([lab.bridge("three", 3)]),
    };
    const own: Record<string, string[]> = { eth0: ["eth0", "net1"], eth7: ["eth7"] };
    for (const [ifname, conf] of Object.entries(confs)) await add(conf, { ifname });
    expect((await lab.interfaces(container)).sort()).toEqual(["eth0", "eth7", "net1"]);

    expect(await lab.run("DEL", confs[gone] ?? {}, { container, ifname: gone })).toMatchObject(OK);
    expect((await lab.interfaces(container)).sort()).toEqual(own[stays]);
    expect(lab.reserved()).toHaveLength(own[stays]?.length ?? 0);
    expect(await lab.run("CHECK", confs[stays] ?? {}, { container, ifname: stays })).toMatchObject(OK);

    expect(await lab.run("DEL", confs[stays] ?? {}, { container, ifname: stays })).toMatchObject(OK);
    expect(await lab.leftovers()).toEqual([]);
  });

  it("whose networks want the same name are refused, and the first stays whole", async () => {
    const first = lab.conf([lab.bridge("one", 1), lab.bridge("two", 2)]);
    await add(first, { ifname: "eth0" });
    const second = lab.conf([lab.bridge("three", 3), lab.bridge("four", 4)]);
    const { exitCode, answer } = await lab.run("ADD", second, { container, ifname: "eth7" });
    expect(exitCode).toBe(1);
    expect(answer).toMatchObject({
      code: 7,
      msg: expect.stringContaining('interface "net1": networks "four" and "two" would both have it'),
    });
    expect((await lab.interfaces(container)).sort()).toEqual(["eth0", "net1"]);
    expect(await lab.run("CHECK", first, { container, ifname: "eth0" })).toMatchObject(OK);
    expect(await lab.run("DEL", second, { container, ifname: "eth7" })).toMatchObject(OK);
    expect(await lab.run("DEL", first, { container, ifname: "eth0" })).toMatchObject(OK);
    expect(await lab.leftovers()).toEqual([]);
  });
});
