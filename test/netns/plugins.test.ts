// Every reference plugin through Plexus, as default and as secondary network: it does what it does by itself, and
// leaves nothing.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureLab } from "../../scripts/provide/lab.ts";
import { type Conf, type Container, Lab } from "../support/lab.ts";
import type { Answer } from "../support/outcome.ts";
import { until } from "../support/until.ts";

/** A container that has been attached to the network. */
interface Attached {
  lab: Lab;
  container: Container;
  ifname: string;
  result: Partial<Answer>;
}

/** How one plugin is tried: alone, in a chain, or as IPAM of another. */
interface Trial {
  /** What the node needs before the ADD. */
  prepare?: (lab: Lab) => Promise<void>;
  /** The plugins of the network. */
  plugins: (lab: Lab) => Conf[];
  /** Set where plugins of the chain contradict each other in CHECK. */
  disableCheck?: true;
  runtimeConfig?: Conf;
  /** The device type without which the kernel cannot do it, as in `ip link add ... type X`. */
  needs?: string[];
  /** What is different now that the container is attached. */
  effect: (attached: Attached) => Promise<void>;
}

const GATEWAY = "10.222.1.1";
const FIRST = "10.222.1.2";

const bridge = (more: Conf = {}) => ({ type: "bridge", bridge: "br1", isGateway: true, ...more });
const bridgeHostLocal = (lab: Lab) => bridge({ ipam: lab.hostLocal(1) });
const ptp = (lab: Lab, more: Conf = {}) => ({ type: "ptp", ipam: lab.hostLocal(1), ...more });
const staticIpam = { type: "static", addresses: [{ address: "10.222.1.5/24" }] };
const parent = (lab: Lab) => lab.cable("par0", `${GATEWAY}/24`);

async function hasAddress({ lab, container, ifname, result }: Attached, address: string): Promise<void> {
  expect(await lab.addresses(container, ifname)).toEqual([address]);
  // The runtime is told of the default network only.
  if (ifname === "eth0") expect(result.ips?.map((ip) => ip.address)).toEqual([address]);
}

async function pings({ lab, container, ifname }: Attached, address: string): Promise<void> {
  await lab.inside(container, "ping", "-q", "-c", "1", "-W", "10", "-I", ifname, address);
}

async function linkKind({ lab, container, ifname }: Attached): Promise<string | undefined> {
  const json = await lab.inside(container, "ip", "-json", "-details", "link", "show", "dev", ifname);
  const [link] = JSON.parse(json) as { linkinfo?: { info_kind?: string } }[];
  return link?.linkinfo?.info_kind;
}

/** Connects to the node's port 8222 and expects what a server in the container, on port 80, says. */
async function portIsMapped({ lab, container }: Attached): Promise<void> {
  lab.daemon(container, "busybox", "nc", "-ll", "-p", "80", "-e", "echo", "from the container");
  const listening = () => lab.inside(container, "ss", "-Hltn", "sport = :80");
  await until("a server listens in the container", async () => (await listening()) !== "");
  const nc = await lab.onNode("sh", "-c", `sleep 0.2 | busybox nc -w 2 ${GATEWAY} 8222`);
  expect(nc).toBe("from the container\n");
}

const portMappings = [{ hostPort: 8222, containerPort: 80, protocol: "tcp" }];

const TRIALS: Record<string, Trial> = {
  bridge: {
    plugins: (lab) => [bridgeHostLocal(lab)],
    async effect(attached) {
      await hasAddress(attached, `${FIRST}/24`);
      await pings(attached, GATEWAY);
      expect(await attached.lab.onNode("bridge", "link")).toContain("master br1");
    },
  },
  "bridge with ipMasq by iptables": {
    plugins: (lab) => [bridge({ ipam: lab.hostLocal(1), ipMasq: true, ipMasqBackend: "iptables" })],
    async effect({ lab, container }) {
      expect(await lab.rules()).toContainEqual(
        expect.stringMatching(`-s ${FIRST}/32 .*${container.id}.* -j CNI-`),
      );
    },
  },
  "bridge with ipMasq by nftables": {
    // Where there is an iptables, bridge 1.9.1 fails its DEL for not finding rules of that kind.
    prepare: async (lab) => lab.restrictPath("nft"),
    plugins: (lab) => [bridge({ ipam: lab.hostLocal(1), ipMasq: true, ipMasqBackend: "nftables" })],
    async effect({ lab }) {
      expect(await lab.rules()).toContainEqual(expect.stringMatching(`ip saddr ${FIRST} .*masq`));
    },
  },
  ptp: {
    plugins: (lab) => [ptp(lab)],
    async effect(attached) {
      await hasAddress(attached, `${FIRST}/24`);
      await pings(attached, GATEWAY);
      await attached.lab.onNode("ping", "-q", "-c", "1", "-W", "2", FIRST);
    },
  },
  macvlan: {
    prepare: parent,
    plugins: () => [{ type: "macvlan", master: "par0", mode: "bridge", ipam: staticIpam }],
    async effect(attached) {
      expect(await linkKind(attached)).toBe("macvlan");
      await hasAddress(attached, "10.222.1.5/24");
      await pings(attached, GATEWAY);
    },
  },
  ipvlan: {
    needs: ["link", "par0", "type", "ipvlan"],
    prepare: parent,
    plugins: () => [{ type: "ipvlan", master: "par0", ipam: staticIpam }],
    async effect(attached) {
      expect(await linkKind(attached)).toBe("ipvlan");
      await hasAddress(attached, "10.222.1.5/24");
      await pings(attached, GATEWAY);
    },
  },
  vlan: {
    needs: ["link", "par0", "type", "vlan", "id", "22"],
    prepare: parent,
    plugins: () => [{ type: "vlan", master: "par0", vlanId: 22, ipam: staticIpam }],
    async effect(attached) {
      expect(await linkKind(attached)).toBe("vlan");
      await hasAddress(attached, "10.222.1.5/24");
    },
  },
  "host-device": {
    prepare: parent,
    plugins: () => [{ type: "host-device", device: "par0", ipam: staticIpam }],
    async effect(attached) {
      await hasAddress(attached, "10.222.1.5/24");
      await pings(attached, GATEWAY);
      expect(await attached.lab.onNode("ip", "-brief", "link")).not.toMatch(/^par0@/m);
    },
  },
  dummy: {
    needs: ["type", "dummy"],
    plugins: () => [{ type: "dummy", ipam: staticIpam }],
    async effect(attached) {
      expect(await linkKind(attached)).toBe("dummy");
      await hasAddress(attached, "10.222.1.5/24");
    },
  },
  tap: {
    plugins: () => [{ type: "tap", ipam: staticIpam }],
    async effect(attached) {
      expect(await linkKind(attached)).toBe("tun");
      await hasAddress(attached, "10.222.1.5/24");
    },
  },
  loopback: {
    plugins: () => [{ type: "loopback" }],
    async effect({ lab, container }) {
      await lab.inside(container, "ping", "-q", "-c", "1", "-W", "2", "127.0.0.1");
    },
  },
  static: {
    plugins: () => [
      bridge({
        ipam: {
          type: "static",
          addresses: [{ address: "10.222.1.7/24", gateway: GATEWAY }],
          routes: [{ dst: "192.0.2.0/24" }],
        },
      }),
    ],
    async effect(attached) {
      const { lab, container, ifname } = attached;
      await hasAddress(attached, "10.222.1.7/24");
      await pings(attached, GATEWAY);
      const route = await lab.inside(container, "ip", "route", "show", "192.0.2.0/24");
      expect(route).toContain(`via ${GATEWAY} dev ${ifname}`);
    },
  },
  "host-local": {
    plugins: (lab) => [
      bridge({
        ipam: {
          type: "host-local",
          dataDir: lab.dataDir,
          ranges: [[{ subnet: "10.222.1.0/24", rangeStart: "10.222.1.200" }]],
        },
      }),
    ],
    async effect(attached) {
      const { lab, container, ifname } = attached;
      await hasAddress(attached, "10.222.1.200/24");
      const file = readFileSync(join(lab.dataDir, "trial/10.222.1.200"), "utf8");
      expect(file.split(/\r?\n/)).toEqual([container.id, ifname]);
    },
  },
  dhcp: {
    async prepare(lab) {
      // The server is at a port of the bridge: without one that is up, the bridge would lose the first packets.
      await parent(lab);
      await lab.onNode("ip", "link", "add", "br1", "up", "type", "bridge");
      await lab.onNode("ip", "link", "set", "par0", "master", "br1");
      mkdirSync(lab.dataDir);
      const at = (name: string) => join(lab.dir, name);
      writeFileSync(
        at("udhcpd.conf"),
        `interface par0-far\nstart 10.222.1.50\nend 10.222.1.60\nopt subnet 255.255.255.0\nopt router ${GATEWAY}\n` +
          `opt lease 600\nlease_file ${at("leases")}\npidfile ${at("udhcpd.pid")}\n`,
      );
      writeFileSync(at("leases"), "");
      // It offers an address when nobody has answered to it for 50 ms.
      lab.daemon("node", "busybox", "udhcpd", "-f", "-a", "50", at("udhcpd.conf"));
      lab.daemon(
        "node",
        join(lab.binDir, "dhcp"),
        "daemon",
        "-timeout",
        "1s",
        "-socketpath",
        at("dhcp.sock"),
      );
      const listening = () => lab.onNode("ss", "-Hlun", "sport = :67");
      await until("the DHCP daemon has its socket", () => existsSync(at("dhcp.sock")));
      await until("the DHCP server listens", async () => (await listening()) !== "");
    },
    plugins: (lab) => [
      { type: "bridge", bridge: "br1", ipam: { type: "dhcp", daemonSocketPath: join(lab.dir, "dhcp.sock") } },
    ],
    async effect(attached) {
      const { lab, container, ifname } = attached;
      const [address] = await lab.addresses(container, ifname);
      expect(address).toMatch(/^10\.222\.1\.(5\d|60)\/24$/);
      await pings(attached, GATEWAY);
    },
  },
  bandwidth: {
    plugins: (lab) => [
      ptp(lab),
      {
        type: "bandwidth",
        ingressRate: 8_000_000,
        ingressBurst: 8_000_000,
        egressRate: 16_000_000,
        egressBurst: 16_000_000,
      },
    ],
    async effect(attached) {
      await pings(attached, GATEWAY);
      const classes = await attached.lab.onNode("tc", "-s", "qdisc", "show");
      expect(classes).toMatch(/qdisc (tbf|htb) .* dev veth/);
      expect(classes).toMatch(/qdisc (tbf|htb) .* dev bwp/); // what the container sends goes through an ifb
    },
  },
  firewall: {
    plugins: (lab) => [ptp(lab), { type: "firewall", backend: "iptables" }],
    async effect({ lab }) {
      const rules = await lab.rules();
      expect(rules).toContainEqual(expect.stringMatching(`CNI-FORWARD -s ${FIRST}/32 -j ACCEPT`));
      expect(rules).toContainEqual(expect.stringMatching(`CNI-FORWARD -d ${FIRST}/32 .*-j ACCEPT`));
    },
  },
  "portmap by iptables": {
    runtimeConfig: { portMappings },
    plugins: (lab) => [
      bridgeHostLocal(lab),
      { type: "portmap", backend: "iptables", capabilities: { portMappings: true } },
    ],
    effect: portIsMapped,
  },
  "portmap by nftables": {
    runtimeConfig: { portMappings },
    plugins: (lab) => [
      bridgeHostLocal(lab),
      { type: "portmap", backend: "nftables", capabilities: { portMappings: true } },
    ],
    effect: portIsMapped,
  },
  sbr: {
    disableCheck: true, // it moves the routes that ptp then misses
    plugins: (lab) => [
      ptp(lab, { ipam: { ...lab.hostLocal(1), routes: [{ dst: "192.0.2.0/24", gw: GATEWAY }] } }),
      { type: "sbr" },
    ],
    async effect(attached) {
      const { lab, container } = attached;
      const rule = await lab.inside(container, "ip", "rule", "show");
      const [, table = ""] = new RegExp(`from ${FIRST} lookup (\\d+)`).exec(rule) ?? [];
      expect(await lab.inside(container, "ip", "route", "show", "table", table)).toContain("192.0.2.0/24");
      await pings(attached, GATEWAY);
    },
  },
  tuning: {
    plugins: (lab) => [
      bridgeHostLocal(lab),
      {
        type: "tuning",
        dataDir: join(lab.dataDir, "tuning"),
        sysctl: { "net.ipv4.conf.IFNAME.arp_notify": "1" },
        mac: "c2:b0:57:49:47:f1",
        mtu: 1300,
      },
    ],
    async effect({ lab, container, ifname, result }) {
      const arpNotify = await lab.inside(container, "cat", `/proc/sys/net/ipv4/conf/${ifname}/arp_notify`);
      expect(arpNotify.trim()).toBe("1");
      const link = await lab.inside(container, "ip", "link", "show", "dev", ifname);
      expect(link).toContain("mtu 1300");
      expect(link).toContain("link/ether c2:b0:57:49:47:f1");
      if (ifname === "eth0") expect(JSON.stringify(result.interfaces)).toContain("c2:b0:57:49:47:f1");
    },
  },
  vrf: {
    needs: ["type", "vrf", "table", "22"],
    plugins: (lab) => [bridgeHostLocal(lab), { type: "vrf", vrfname: "blue" }],
    async effect({ lab, container, ifname }) {
      expect(await lab.inside(container, "ip", "link", "show", "dev", ifname)).toContain("master blue");
    },
  },
};

/** Tries it out: the kernel is the only one who knows. */
async function kernelLacks(lab: Lab, needs: string[]): Promise<boolean> {
  try {
    await lab.onNode("ip", "link", "add", "name", "probe", ...needs);
  } catch (error) {
    if (/Unknown device type|Operation not supported/.test(String(error))) return true;
    throw error;
  }
  await lab.onNode("ip", "link", "delete", "probe");
  return false;
}

let lab: Lab;
beforeEach(async () => {
  lab = await Lab.open();
});
afterEach(() => lab.close());

describe.each(Object.entries(TRIALS))("%s", (_, trial) => {
  it.each(["default", "secondary"])(
    "works as %s network, passes CHECK, and DEL leaves nothing",
    async (role) => {
      await trial.prepare?.(lab);
      const container = await lab.container();
      const { disableCheck = false } = trial;
      const network = { cniVersion: "1.1.0", name: "trial", disableCheck, plugins: trial.plugins(lab) };
      const conf = lab.conf(role === "default" ? [network] : [lab.bridge("base", 99), network], {
        ...(trial.runtimeConfig && { runtimeConfig: trial.runtimeConfig, runtimePortMappings: "all" }),
      });
      const ifname = role === "default" ? "eth0" : "net1";

      const added = await lab.run("ADD", conf, { container });
      if (trial.needs && (await kernelLacks(lab, trial.needs))) {
        // The plugin's own error reaches the runtime, and the networks before it are undone.
        expect(added.exitCode).toBe(1);
        expect(added.answer).toMatchObject({ cniVersion: "1.1.0", code: expect.any(Number) });
        expect(added.answer.msg).toMatch(
          new RegExp(`^ADD container ${container.id}: network trial on ${ifname}: .*not supported`),
        );
        expect(await lab.leftovers()).toEqual([`file ${join(lab.cniDir, container.id)}`]);
        expect(await lab.run("DEL", conf, { container })).toMatchObject({ exitCode: 0, stdout: "" });
        expect(await lab.leftovers()).toEqual([]);
        return;
      }
      expect(added).toMatchObject({ exitCode: 0, stderr: "" });
      await trial.effect({ lab, container, ifname, result: added.answer });
      expect(await lab.run("CHECK", conf, { container })).toMatchObject({ exitCode: 0, stdout: "" });
      expect(await lab.leftovers()).not.toEqual([]);

      expect(await lab.run("DEL", conf, { container })).toMatchObject({ exitCode: 0, stdout: "" });
      expect(await lab.leftovers()).toEqual([]);
      expect(await lab.run("DEL", conf, { container })).toMatchObject({ exitCode: 0, stdout: "" });
    },
  );
});

describe.each(["iptables", "nftables"])(
  "portmap by %s, whose runtime gives port mappings at ADD alone",
  (backend) => {
    const portmap = { type: "portmap", backend, capabilities: { portMappings: true } };
    const conf = (plugins: Conf[], more: Conf = {}) =>
      lab.conf(
        [{ cniVersion: "1.1.0", name: "trial", plugins: [bridgeHostLocal(lab), portmap, ...plugins] }],
        more,
      );
    const GC = { "cni.dev/valid-attachments": [] };

    it.each(["DEL", "GC"])("leaves no rule after %s", async (verb) => {
      const container = await lab.container();
      expect(
        await lab.run("ADD", conf([], { runtimeConfig: { portMappings } }), { container }),
      ).toMatchObject({ exitCode: 0 });
      await portIsMapped({ lab, container, ifname: "eth0", result: {} });
      expect(await lab.run("CHECK", conf([]), { container })).toMatchObject({ exitCode: 0 });
      const target = verb === "GC" ? undefined : { container };
      expect(await lab.run(verb, conf([], verb === "GC" ? GC : {}), target)).toMatchObject({ exitCode: 0 });
      expect(await lab.leftovers()).toEqual([]);
    });

    it("leaves no rule after a GC that follows a killed ADD", async () => {
      const container = await lab.container();
      lab.fake("fake-slow", { ADD: "sleep 60" });
      const slow = [{ type: "fake-slow" }];
      const { pid, outcome } = lab.start("ADD", conf(slow, { runtimeConfig: { portMappings } }), {
        container,
      });
      await until("portmap is done", () => lab.calls("fake-slow").length > 0);
      process.kill(pid, "SIGKILL");
      await outcome.catch(() => undefined);
      expect(await lab.rules()).not.toEqual([]);
      await lab.kill(container);
      expect(await lab.run("GC", conf(slow, GC))).toMatchObject({ exitCode: 0 });
      expect(await lab.leftovers()).toEqual([]);
    });
  },
);

it("tries every plugin of the package", () => {
  const tried = new Set(Object.keys(TRIALS).map((title) => title.split(" ")[0]));
  expect(readdirSync(ensureLab()).filter((name) => !tried.has(name))).toEqual([]);
});
