// A node for tests of the built-in plugin `sriov`: a FakeSysfs, files and a clock, behind the ports Host and Clock.
import { basename, dirname } from "node:path";
import type { Clock } from "../../launcher/clock.ts";
import type { PluginCall } from "../../launcher/cni/builtin.ts";
import { parametersOf, variablesOf } from "../../launcher/cni/parameters.ts";
import type { CommandOptions } from "../../launcher/host/execute.ts";
import type { ExecuteOptions, Execution, Host } from "../../launcher/host/host.ts";
import { type Commands, networkBy } from "../../launcher/host/iproute.ts";
import { sriov } from "../../launcher/sriov/plugin.ts";
import { loadCore } from "./core.ts";
import { executeIproute } from "./fake-iproute.ts";
import { type FakeDevice, type FakeNodeOptions, FakeSysfs } from "./fake-sysfs.ts";

const core = loadCore();

export const POD = "/run/netns/pod";

interface Ran {
  args: string[];
  netns: string | undefined;
  lines: string[];
}

export class SriovNode {
  readonly sysfs: FakeSysfs;
  /** What was executed, in order. */
  readonly ran: Ran[] = [];
  /** Path -> text. */
  readonly files = new Map<string, string>();
  /** IPAM plugins: name -> what it answers to an ADD, or an error of each verb. */
  readonly ipam = new Map<string, { result?: object; error?: object }>();
  /** A line of a batch that fails, once. */
  failing: RegExp | undefined;
  /** How many changes of the host the process makes before it dies: each line of a batch is one. */
  changesLeft = Number.POSITIVE_INFINITY;
  readonly logged: string[] = [];
  /** How long each wait was that kept no other call from its turn, in milliseconds. */
  readonly asideMs: number[] = [];
  readonly clock: Clock;
  /** The number of the process that makes the call, and of all that run. */
  private process = 0;
  private readonly running = new Set<number>();
  private marks = 0;
  private nowMs = 0;
  private due: { atMs: number; work: () => void }[] = [];

  /** @param netdevAfterMs how long after its driver a netdev comes */
  constructor(devices: Record<string, FakeDevice>, options: FakeNodeOptions = {}, netdevAfterMs = 0) {
    const later = (work: () => void) => void this.due.push({ atMs: this.nowMs + netdevAfterMs, work });
    this.sysfs = new FakeSysfs(devices, netdevAfterMs === 0 ? options : { ...options, later });
    this.sysfs.addNetns(POD);
    this.clock = {
      now: () => this.nowMs,
      sleep: async (ms) => {
        this.nowMs += ms;
        const due = this.due.filter(({ atMs }) => atMs <= this.nowMs);
        this.due = this.due.filter(({ atMs }) => atMs > this.nowMs);
        for (const { work } of due) work();
      },
    };
  }

  readonly aside = async <T>(wait: () => Promise<T>): Promise<T> => {
    const began = this.nowMs;
    const result = await wait();
    this.asideMs.push(this.nowMs - began);
    return result;
  };

  private readonly commands: Commands = {
    find: async (name) => `/usr/sbin/${name}`,
    execute: async (path, options) => this.command(basename(path), options),
  };

  readonly host: Host = {
    ...networkBy(this.commands),
    prepare: () => undefined,
    size: async () => 0,
    append: async () => undefined,
    rotate: async () => undefined,
    grpc: async () => new Uint8Array(),
    find: async (name) => {
      if (["ip", "rdma", "sysctl"].includes(name)) return `/usr/sbin/${name}`;
      return this.ipam.has(name) ? `/opt/cni/bin/${name}` : undefined;
    },
    execute: async (path, options) => this.plugin(basename(path), options),
    read: async (path) => this.files.get(path) ?? this.sysfs.read(path),
    list: async (dir) => [...this.sysfs.list(dir), ...this.filesIn(dir)],
    isDirectory: async (path) => this.sysfs.isDirectory(path),
    exists: async (path) => this.files.has(path) || this.sysfs.hasNetns(path) || this.sysfs.exists(path),
    write: async (path, text) => {
      this.change();
      this.files.set(path, text);
    },
    writeSoon: (path, text) => this.host.write(path, text),
    settle: async () => undefined,
    create: async (path, text) => {
      this.change();
      if (this.files.has(path)) return false;
      this.files.set(path, text);
      return true;
    },
    remove: async (path) => {
      this.change();
      this.files.delete(path);
    },
    readlink: async (path) => this.sysfs.readlink(path),
    set: async (path, value) => {
      this.change();
      this.sysfs.set(path, value);
    },
    clearTemporaries: async (dir) => {
      for (const name of this.filesIn(dir)) {
        const process = Number(/^\.plexus-(\d+)-/.exec(name)?.[1] ?? Number.NaN);
        if (process >= 0 && !this.running.has(process)) this.files.delete(`${dir}/${name}`);
      }
    },
    mark: async (path) => {
      this.change();
      const mark = `${dirname(path)}/.plexus-${this.process}-0-${++this.marks}.${basename(path)}.tmp`;
      this.files.set(mark, "");
      return mark;
    },
    sync: async () => undefined,
  };

  /** Does `work` in a process of its own, which has ended then. */
  async inProcess<T>(work: () => Promise<T>): Promise<T> {
    const process = ++this.process;
    this.running.add(process);
    try {
      return await work();
    } finally {
      this.running.delete(process);
    }
  }

  /** Once dead, a process does nothing more. */
  private change(): void {
    if (this.changesLeft <= 0) throw new Error("killed");
    this.changesLeft--;
  }

  /** Executes an IPAM plugin. */
  private plugin(name: string, { env }: ExecuteOptions): Execution {
    if (this.changesLeft <= 0) this.change();
    const ipam = this.ipam.get(name);
    if (!ipam) throw new Error(`there is no plugin ${name}`);
    this.ran.push({ args: [name, env.CNI_COMMAND ?? ""], netns: undefined, lines: [] });
    if (ipam.error) return { exitCode: 1, stdout: JSON.stringify(ipam.error), stderr: "" };
    const stdout = env.CNI_COMMAND === "ADD" ? JSON.stringify(ipam.result) : "";
    return { exitCode: 0, stdout, stderr: "" };
  }

  /** Executes `ip` or `rdma`. */
  private command(name: string, options: CommandOptions): Execution {
    if (this.changesLeft <= 0) this.change();
    const { args, netns, stdin } = options;
    const lines = stdin.split("\n").filter(Boolean);
    this.ran.push({ args: [name, ...args], netns: netns === "" ? undefined : netns, lines });
    return executeIproute(this.sysfs, name as "ip" | "rdma" | "sysctl", options, (line) => {
      if (this.changesLeft <= 0) return true;
      this.changesLeft--;
      if (!this.failing?.test(line)) return false;
      this.failing = undefined;
      return true;
    });
  }

  private filesIn(dir: string): string[] {
    return [...this.files.keys()].flatMap((path) => (dirname(path) === dir ? basename(path) : [])).sort();
  }
}

/**
 * A call of the plugin for the container c1.
 *
 * @param conf without `type`
 * @param more CNI variables that are other than usual
 */
export function pluginCall(
  node: SriovNode,
  verb: string,
  conf: object,
  more: Record<string, string> = {},
): PluginCall {
  const variables = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: "c1",
    CNI_NETNS: POD,
    CNI_IFNAME: "net1",
    CNI_PATH: "/opt/cni/bin",
    ...more,
  };
  const parameters = parametersOf(variables);
  return {
    parameters,
    stdin: JSON.stringify({ cniVersion: "1.0.0", name: "vfs", type: "sriov", ...conf }),
    env: variablesOf(parameters),
    pluginDirs: ["/opt/cni/bin"],
    cniDir: "/state",
    timeoutMs: 0,
    core,
    host: node.host,
    clock: node.clock,
    aside: node.aside,
    log: (message: string) => void node.logged.push(message),
  };
}

/** Carries out a verb; the result of ADD, as JSON. */
export function run(node: SriovNode, verb: string, conf: object, more: Record<string, string> = {}) {
  return node.inProcess(() => sriov.run(pluginCall(node, verb, conf, more)));
}

/** Carries out an ADD; its result. */
export async function added(node: SriovNode, conf: object, more: Record<string, string> = {}) {
  return JSON.parse((await run(node, "ADD", conf, more)) ?? "");
}

/** The paths of all allocations. */
export function allocations(node: SriovNode): string[] {
  return [...node.files.keys()].filter((path) => path.startsWith("/state/sriov/"));
}
