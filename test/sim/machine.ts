// The node: its disk, its network, what is installed on it, and its processes. It can lose its power.
import { ApiServer } from "./apiserver.ts";
import { Devices } from "./devices.ts";
import { Disk, type DiskFault } from "./disk.ts";
import type { Gate } from "./gate.ts";
import { Internet } from "./http.ts";
import { Addresses } from "./ipam.ts";
import type { Mischief } from "./mischief.ts";
import { Namespace, Network, type Owner, type PluginStart, type RuntimeCall } from "./network.ts";
import type { Nic } from "./nics.ts";
import type { Outage } from "./outage.ts";
import { type Ground, Process } from "./process.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";
import { Troubles } from "./troubles.ts";

export const CNI_DIR = "/var/lib/cni/multus";
export const BIN_DIR = "/opt/cni/bin";
const PLUGINS = ["bridge", "macvlan", "portmap", "tuning", "strict", "host-local"];
const COMMANDS = ["ip", "rdma", "sysctl"];

/** Something happened that never may. */
export interface Violation {
  /** What kind it is of, for the list of those that are known. */
  kind: string;
  /** What was found, and where. */
  text: string;
}

/** Of a plugin: for which container, and who has executed it. */
interface Execution {
  containerId: string;
  parent: Process;
  call: RuntimeCall;
}

export class Machine implements Ground {
  readonly disk: Disk;
  readonly addresses: Addresses;
  network = new Network();
  readonly internet = new Internet(new ApiServer());
  /** The NICs with VFs, if the node has some. */
  readonly devices: Devices | undefined;
  readonly violations: Violation[] = [];
  /** What is going to go wrong with plugins, in the order in which it does. */
  mischief: Mischief[] = [];
  readonly troubles = new Troubles();
  /** Is the API server's outage such that an ADD may fail? */
  isOutageFelt = false;
  /** Has a plugin refused its conf? It does so for ever. */
  hasRefused = false;
  /** Has a plugin been slow, or hung? It has kept its call's slot for as long. */
  hasSlowPlugin = false;
  /** Network namespaces of which somebody has removed links by hand: those that nobody has made again. */
  readonly handmade = new Map<string, Set<string>>();
  /** Is a plugin missing? */
  isIncomplete = false;
  /** Is told of each change of a VF, and of each execution of a plugin. */
  deviceTouched: ((call: RuntimeCall, address: string, what: string) => void) | undefined;
  pluginStarted: ((call: RuntimeCall, start: PluginStart) => void) | undefined;
  gate: Gate | undefined;
  readonly trace: ((line: string) => void) | undefined;
  private readonly processes = new Set<Process>();
  /** The plugins that run: for which container, and who has executed them. */
  private readonly plugins = new Map<Process, Execution>();
  private lastPid = 100;

  /** @param trace takes a line for each event, with its time */
  constructor(
    readonly timeline: Timeline,
    readonly random: Random,
    nic: Nic | undefined,
    trace?: (line: string) => void,
  ) {
    this.trace = trace && ((line) => trace(`${timeline.now().toFixed(1).padStart(9)} ${line}`));
    this.disk = new Disk(random);
    this.devices = nic && new Devices(nic, timeline, random);
    this.addresses = new Addresses(this.disk);
    this.disk.put("/var/lib/cni/networks/lock", "");
    for (const name of COMMANDS) this.disk.put(`/usr/sbin/${name}`, "");
    this.install();
  }

  private install(): void {
    this.isIncomplete = false;
    for (const name of PLUGINS) this.disk.put(`${BIN_DIR}/${name}`, "");
  }

  readonly running = new Set<number>();

  nextPid(): number {
    return ++this.lastPid;
  }

  /** Starts a process; one that is to be cut off before the step `dieAt` tells of it. */
  start(title: string, dieAt?: number, cut?: () => void, leader?: Process): Process {
    const process = new Process(this, title, dieAt, cut, leader);
    this.processes.add(process);
    process.onEnd(() => this.processes.delete(process));
    return process;
  }

  /** What goes wrong with the execution of a plugin for `verb` that begins now. */
  mischiefFor(verb: string): Mischief | undefined {
    const found = this.mischief.find((one) => one.verb === verb && one.times > 0);
    if (found === undefined) return undefined;
    found.times--;
    this.troubles.plugin(verb, found.how);
    if (found.how === "hang" || found.how === "slow") this.hasSlowPlugin = true;
    this.trace?.(`this ${verb} is going to ${found.how} after ${found.acts} acts`);
    return found;
  }

  /** A plugin runs for a container. */
  runs(plugin: Process, execution: Execution): void {
    for (const other of this.plugins.values()) {
      if (other.containerId !== execution.containerId || other.parent === execution.parent) continue;
      const calls = [other.call, execution.call];
      const isChange = calls.every(({ verb }) => verb === "ADD" || verb === "DEL");
      if (!other.parent.alive || !isChange || calls.every(({ id }) => id > 0)) continue;
      this.violated(
        "two-at-once",
        `${execution.containerId}: ${calls.map(({ id, verb }) => `${verb} #${id}`)}`,
      );
    }
    this.plugins.set(plugin, execution);
    plugin.onEnd(() => this.plugins.delete(plugin));
  }

  /** Does a plugin run for the container, that nobody waits for any more? */
  hasOrphans(containerId: string): boolean {
    return [...this.plugins.values()].some((one) => one.containerId === containerId && !one.parent.alive);
  }

  /** Does anything run that was executed by a process that is gone by now? */
  get hasOutliving(): boolean {
    return this.outliving().length > 0;
  }

  /** Ends that: launcher/host/executions.ts, and the same in the shim. */
  endOutliving(): void {
    for (const process of this.outliving()) process.end();
  }

  private outliving(): Process[] {
    return [...this.processes].filter(({ leader }) => leader !== undefined && !leader.alive);
  }

  /** A plugin's executable goes, for a time. */
  uninstall(plugin: string, forMs: number): void {
    this.trace?.(`${plugin} is removed`);
    this.troubles.node();
    this.isIncomplete = true;
    if (this.disk.exists(`${BIN_DIR}/${plugin}`)) this.disk.remove(`${BIN_DIR}/${plugin}`);
    this.timeline.after(forMs, () => {
      this.troubles.node();
      this.install();
    });
  }

  endAll(): void {
    for (const process of [...this.processes]) process.end();
  }

  addNamespace(path: string): void {
    if (this.network.namespaces.has(path)) return;
    this.network.namespaces.set(path, new Namespace());
    this.devices?.sysfs.addNetns(path);
    this.disk.put(path, "");
  }

  removeNamespace(path: string): void {
    if (!this.network.namespaces.delete(path)) return;
    this.devices?.sysfs.removeNetns(path);
    this.disk.remove(path);
  }

  /** Ends all processes and takes away what is only in memory; files are kept, or, without power, what was synced. */
  reboot(powerLoss: boolean): void {
    this.troubles.node();
    this.trace?.(powerLoss ? "the node loses its power" : "the node is rebooted");
    this.endAll();
    this.network = new Network();
    this.devices?.boot();
    this.disk.clear("/run");
    if (powerLoss) this.disk.losePower();
  }

  breakDisk(fault: DiskFault, forMs: number): void {
    this.trace?.(`the disk is ${fault}, for ${forMs} ms`);
    this.troubles.node();
    this.disk.fault = fault;
    this.timeline.after(forMs, () => {
      this.troubles.node();
      if (this.disk.fault === fault) this.disk.fault = undefined;
    });
  }

  /** What requests to the API server meet from now on, so many of them, or all for a time. */
  breakInternet(outage: Outage, times: number | undefined, forMs: number | undefined): void {
    this.trace?.(`the API server: ${outage}, ${times === undefined ? `for ${forMs} ms` : `${times} times`}`);
    const { internet, timeline } = this;
    this.isOutageFelt = this.troubles.outage(outage, forMs);
    internet.outage = outage;
    internet.times = times ?? Number.POSITIVE_INFINITY;
    if (outage === "down" || outage === "broken off") internet.server.endWatches(outage === "broken off");
    if (forMs === undefined) return;
    timeline.after(forMs, () => {
      this.troubles.outage(outage, forMs);
      if (internet.outage === outage) internet.outage = undefined;
    });
  }

  /** Ends what goes wrong, and what hangs. */
  heal(): void {
    this.endAll();
    this.mend();
  }

  /** Nothing goes wrong any more; who runs runs on. */
  mend(): void {
    this.install();
    this.mischief = [];
    this.disk.fault = undefined;
    this.internet.outage = undefined;
  }

  violated(kind: string, text: string): void {
    this.trace?.(`VIOLATED ${kind}: ${text}`);
    this.violations.push({ kind, text });
  }

  /** A call's process changes or removes something that was made for `owner`. */
  touches(call: RuntimeCall, owner: Pick<Owner, "containerId" | "ifname">, what: string): void {
    if (call.verb === "GC") {
      const isValid = call.valid?.some(
        (one) => one.containerID === owner.containerId && one.ifname === owner.ifname,
      );
      if (isValid)
        this.violated("gc-detached-living", `GC removed ${what} of ${owner.containerId} ${owner.ifname}`);
      return;
    }
    if (call.containerId === owner.containerId && call.ifname === owner.ifname) return;
    this.violated(
      "foreign-touch",
      `${call.verb} ${call.containerId} ${call.ifname} touched ${what} of ${owner.containerId} ${owner.ifname}`,
    );
  }
}
