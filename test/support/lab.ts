// A node for one test: a network namespace that stands for the node, one for each container, and directories for
// plugins, confs, addresses and state. Plexus and its delegates run inside, so the machine's own network is neither
// seen nor changed, and what is left over is plain to see.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureLab } from "../../scripts/provide/lab.ts";
import { binary } from "./binary.ts";
import { type FakeCall, fakeCalls, writeFakePlugin } from "./fake-plugin.ts";
import { must, type Outcome, outcomeOf } from "./outcome.ts";
import { difference, files, type Link, links, NSENTER, snapshot } from "./places.ts";
import { Resident } from "./resident.ts";
import { until } from "./until.ts";

/** Any JSON object: a conf, or a part of one. */
export type Conf = Record<string, unknown>;

export interface Container {
  id: string;
  /** Path of its network namespace. */
  netns: string;
}

/** Which container a call is for, and what the runtime says beside the conf. */
export interface Target {
  container: Container;
  /** CNI_IFNAME; `eth0` unless given. */
  ifname?: string;
  /** CNI_ARGS. */
  args?: string;
  /** CNI_NETNS, where it is not the container's own. */
  netns?: string;
}

/** Do tests go through the shim to a resident process? */
const IS_RESIDENT = process.env.PLEXUS_MODE === "resident";

const NETNS_DIR = "/run/netns";

export class Lab {
  /** Everything below is in here. */
  readonly dir = fs.mkdtempSync(join(tmpdir(), "plexus-lab-"));
  /** Plexus's state. */
  readonly cniDir = join(this.dir, "state");
  /** Addresses that host-local has given. */
  readonly dataDir = join(this.dir, "addresses");
  /** The reference plugins, as links, and fake ones. */
  readonly binDir = join(this.dir, "bin");
  /** Conf files, for a test to write. */
  readonly confDir = join(this.dir, "confs");
  /** PATH of Plexus and its delegates. */
  path = process.env.PATH ?? "";
  /** Further variables of the runtime. */
  readonly environment: Record<string, string> = {};
  /** What the runtime executes Plexus by, such as `unshare`: a command and its arguments. */
  by: string[] = [];

  private readonly node = `plexus-${randomBytes(4).toString("hex")}`;
  private readonly containers: Container[] = [];
  private made = 0;
  private readonly processes = new Set<ChildProcess>();
  /** What was there before Plexus was executed. */
  private readonly baseline = new Map<string, Set<string>>();

  /** The path of what the runtime executes. */
  plexus = binary;
  private resident: Resident | undefined;

  private constructor() {}

  /** A new node, with nothing on it. */
  static async open(): Promise<Lab> {
    const lab = new Lab();
    for (const dir of [lab.binDir, lab.confDir]) fs.mkdirSync(dir);
    const plugins = ensureLab();
    for (const name of fs.readdirSync(plugins)) fs.symlinkSync(join(plugins, name), join(lab.binDir, name));
    await lab.namespace(lab.node);
    await lab.onNode("ip", "link", "set", "lo", "up");
    await lab.rebase(lab.node);
    if (IS_RESIDENT) await lab.reside();
    return lab;
  }

  /** From now on the runtime executes the shim of a resident process. */
  async reside(): Promise<Resident> {
    if (this.resident) return this.resident;
    const resident = this.installShim();
    await resident.start();
    return resident;
  }

  /** From now on the runtime executes the shim, which starts the resident process. */
  async resideOnDemand(...rights: string[]): Promise<Resident> {
    await this.resident?.stop("SIGTERM");
    const resident = this.resident ?? this.installShim();
    resident.startOnDemand(...rights);
    return resident;
  }

  private installShim(): Resident {
    const devices = "/var/run/k8s.cni.cncf.io/devinfo";
    const logs = ["plexus.log", "log/plexus.log"].map((name) => `log ${join(this.dir, name)}`);
    const rights = [`state ${this.cniDir}`, `state ${devices}`, `read ${this.dir}`, ...logs];
    this.resident = new Resident(join(this.dir, "resident"), rights);
    this.plexus = this.resident.shim;
    return this.resident;
  }

  /** Ends what still runs on the node, and removes all of it. */
  async close(): Promise<void> {
    await this.resident?.stop();
    await this.resident?.endStarted();
    const names = [this.node, ...this.containers.map(({ netns }) => netns.slice(NETNS_DIR.length + 1))];
    for (const child of this.processes) child.kill("SIGKILL");
    for (const name of names) {
      for (const pid of (await must("ip", ["netns", "pids", name])).split("\n")) kill(pid);
      await must("ip", ["netns", "delete", name]);
    }
    fs.rmSync(this.dir, { recursive: true, force: true });
  }

  /** A container without any network: an ID and a namespace. */
  async container(): Promise<Container> {
    const name = `${this.node}-${this.made++}`;
    const container = { id: randomBytes(32).toString("hex"), netns: join(NETNS_DIR, name) };
    await this.namespace(name);
    this.containers.push(container);
    return container;
  }

  /** Takes a container's namespace away, as a runtime does with a dead one, and waits for what goes with it. */
  async kill(container: Container): Promise<void> {
    this.containers.splice(this.containers.indexOf(container), 1);
    const peers = new Set((await links(container.netns)).map(({ link_index }) => link_index));
    await must("ip", ["netns", "delete", container.netns.slice(NETNS_DIR.length + 1)]);
    // The kernel takes its interfaces away in its own time, and their other ends with them.
    const node = `${NETNS_DIR}/${this.node}`;
    const isPeer = ({ ifindex, link_netnsid }: Link) => link_netnsid !== undefined && peers.has(ifindex);
    await until("the container's links are gone", async (tell) => {
      const left = (await links(node)).filter(isPeer).map(({ ifname }) => ifname);
      tell(`the node has ${left.join(", ")}`);
      return left.length === 0;
    });
  }

  /**
   * A cable from the node to elsewhere: interface `name` of the node, whose far end has `address` and answers to it.
   * What plugins take as parent, or as device.
   */
  async cable(name: string, address: string): Promise<void> {
    const far = `${name}-far`;
    await this.onNode("ip", "link", "add", name, "type", "veth", "peer", "name", far);
    await this.onNode("ip", "address", "add", address, "dev", far);
    for (const one of [name, far]) await this.onNode("ip", "link", "set", one, "up");
    await this.rebase(this.node);
  }

  /** Changes the node, given the path of its namespace. What is there afterwards is there before Plexus is executed. */
  async prepare<T>(change: (netns: string) => T): Promise<T> {
    const made = change(`${NETNS_DIR}/${this.node}`);
    await this.rebase(this.node);
    return made;
  }

  /** Leaves Plexus and its delegates no commands but these. */
  restrictPath(...commands: string[]): void {
    this.path = join(this.dir, "path");
    fs.mkdirSync(this.path);
    for (const name of commands) fs.symlinkSync(join("/usr/sbin", name), join(this.path, name));
  }

  /** Executes a command on the node; its stdout. Throws where it fails. */
  onNode(command: string, ...args: string[]): Promise<string> {
    return must(NSENTER, [`--net=${NETNS_DIR}/${this.node}`, command, ...args]);
  }

  /** Executes a command in a container's namespace; its stdout. Throws where it fails. */
  inside(container: Container, command: string, ...args: string[]): Promise<string> {
    return must(NSENTER, [`--net=${container.netns}`, command, ...args]);
  }

  /** Starts a command on the node, or in a container, that goes on until `close`. */
  daemon(where: Container | "node", command: string, ...args: string[]): ChildProcess {
    const netns = where === "node" ? `${NETNS_DIR}/${this.node}` : where.netns;
    const child = spawn(NSENTER, [`--net=${netns}`, command, ...args], { stdio: "ignore" });
    return this.noted(child);
  }

  /** The IPv4 addresses of an interface in a container, each with its prefix length. */
  async addresses(container: Container, ifname: string): Promise<string[]> {
    const json = await this.inside(container, "ip", "-json", "-4", "address", "show", "dev", ifname);
    const [link] = JSON.parse(json) as { addr_info: { local: string; prefixlen: number }[] }[];
    return (link?.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`);
  }

  /** The names of the interfaces in a container, without `lo`. */
  async interfaces(container: Container): Promise<string[]> {
    return (await links(container.netns)).map(({ ifname }) => ifname).filter((name) => name !== "lo");
  }

  /** A conf for Plexus: these networks, the default one first. */
  conf(delegates: Conf[], more: Conf = {}): Conf {
    return {
      cniVersion: "1.1.0",
      name: "plexus",
      type: "plexus",
      binDir: this.binDir,
      cniDir: this.cniDir,
      confDir: this.confDir,
      ...(delegates.length > 0 ? { delegates } : {}),
      ...more,
    };
  }

  /** A bridge network, 10.222.`number`.0/24, whose gateway is on the node. */
  bridge(name: string, number: number, more: Conf = {}): Conf {
    return {
      cniVersion: "1.1.0",
      name,
      type: "bridge",
      bridge: `br${number}`,
      isGateway: true,
      ipam: this.hostLocal(number),
      ...more,
    };
  }

  /** IPAM with addresses of 10.222.`number`.0/24. */
  hostLocal(number: number): Conf {
    return { type: "host-local", dataDir: this.dataDir, ranges: [[{ subnet: `10.222.${number}.0/24` }]] };
  }

  /** The addresses that host-local has given to anybody. */
  reserved(): string[] {
    return files(this.dataDir)
      .map((path) => path.slice(path.lastIndexOf("/") + 1))
      .filter((name) => /^[0-9a-f.:]+$/.test(name))
      .sort();
  }

  /** Writes a file below `confDir`; its path. */
  file(name: string, content: Conf): string {
    const path = join(this.confDir, name);
    fs.mkdirSync(join(path, ".."), { recursive: true });
    fs.writeFileSync(path, JSON.stringify(content));
    return path;
  }

  /**
   * Installs a plugin that notes its calls and then does what `verbs` has for the verb: shell, or else succeed.
   * ADD without a text of its own prints an empty result. `$dir` is the lab's directory.
   */
  fake(name: `fake-${string}`, verbs: Record<string, string> = {}): void {
    writeFakePlugin(join(this.binDir, name), this.dir, verbs);
  }

  /** The calls that a fake plugin has had, in their order. */
  calls(name: `fake-${string}`): FakeCall[] {
    return fakeCalls(this.dir, name);
  }

  /** Executes Plexus on the node, as a runtime does. */
  run(verb: string, conf: Conf, target?: Target): Promise<Outcome> {
    return this.start(verb, conf, target).outcome;
  }

  /** The same as `run`, for a test that does not wait for the end. */
  start(verb: string, conf: Conf, target?: Target): { pid: number; outcome: Promise<Outcome> } {
    const env: Record<string, string> = {
      ...this.environment,
      PATH: this.path,
      CNI_COMMAND: verb,
      CNI_PATH: this.binDir,
      ...(target && {
        CNI_CONTAINERID: target.container.id,
        CNI_NETNS: target.netns ?? target.container.netns,
        CNI_IFNAME: target.ifname ?? "eth0",
        CNI_ARGS: target.args ?? "",
      }),
    };
    const command = [...this.by, this.plexus];
    const child = spawn(NSENTER, [`--net=${NETNS_DIR}/${this.node}`, ...command], { env });
    return { pid: child.pid ?? 0, outcome: outcomeOf(this.noted(child), JSON.stringify(conf)) };
  }

  /**
   * All that is on the node, in containers and on disk because of Plexus and its delegates, one line each. What
   * plugins keep by design for the next container is left out: bridges, and chains of rules without rules.
   */
  async leftovers(): Promise<string[]> {
    const places: [string, string][] = [
      ["node", `${NETNS_DIR}/${this.node}`],
      ...this.containers.map(({ netns }, index): [string, string] => [`container ${index}`, netns]),
    ];
    const found = await Promise.all(
      places.map(async ([title, netns]) =>
        difference(title, this.baseline.get(netns), await snapshot(netns)),
      ),
    );
    const kept = /\/(lock|last_reserved_ip\.\d+)$/;
    // host-local makes an address's file and then writes into it: killed in between, it leaves one that no DEL can find.
    const isOfKilled = (path: string) => path.startsWith(this.dataDir) && fs.statSync(path).size === 0;
    const paths = [this.cniDir, this.dataDir]
      .flatMap(files)
      .filter((path) => !kept.test(path) && !isOfKilled(path));
    return [...found.flat(), ...paths.map((path) => `file ${path}`), ...(await this.rules())];
  }

  /** Packet rules on the node that are about one container. */
  async rules(): Promise<string[]> {
    const saved = await Promise.all([
      this.onNode("iptables-save"),
      this.onNode("ip6tables-save"),
      this.onNode("nft", "list", "ruleset"),
    ]);
    // By its address, its ID, or a chain named by a hash of that.
    const own = /10\.222\.\d|[0-9a-f]{64}|CNI-(DN-)?[0-9a-f]{10}/;
    const lines = saved.join("\n").split("\n");
    return lines.filter((line) => own.test(line)).map((line) => line.trim());
  }

  /** For `close`, as long as it runs. */
  private noted(child: ChildProcess): ChildProcess {
    this.processes.add(child);
    return child.once("close", () => this.processes.delete(child));
  }

  private async namespace(name: string): Promise<void> {
    await must("ip", ["netns", "add", name]);
    await this.rebase(name);
  }

  private async rebase(name: string): Promise<void> {
    const netns = join(NETNS_DIR, name);
    this.baseline.set(netns, await snapshot(netns));
  }
}

function kill(pid: string): void {
  if (pid === "") return;
  try {
    process.kill(Number(pid), "SIGKILL");
  } catch {
    // It has ended in the meantime.
  }
}
