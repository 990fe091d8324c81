// In the VM: a node with one SR-IOV NIC of four VFs, for the cases.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const DEVICES = "/sys/bus/pci/devices";
export const CNI_DIR = "/var/lib/cni/multus";

export interface Ended {
  status: number | null;
  answer: any; // whatever a plugin prints: the cases look into it
  stderr: string;
}

export interface Attachment {
  id: string;
  ifname: string;
  netns: string;
}

/** A VF as a case finds it and has to leave it. */
interface VfState {
  driver: string;
  netdev: string;
  mac: string;
  mtu: string;
  override: string;
}

export class Guest {
  readonly pf: string;
  /** The PF's netdev. */
  readonly uplink: string;
  /** PCI addresses. */
  readonly vfs: string[];
  /** The path of dpdk-testpmd. */
  readonly testpmd: string;
  private readonly plexus: string;
  readonly plugins: string;
  private namespaces = 0;

  constructor(plexus: string, plugins: string, testpmd: string) {
    this.testpmd = testpmd;
    this.plexus = plexus;
    this.plugins = plugins;
    this.pf =
      fs.readdirSync(DEVICES).find((name) => fs.existsSync(`${DEVICES}/${name}/sriov_totalvfs`)) ?? "";
    this.uplink = fs.readdirSync(`${DEVICES}/${this.pf}/net`)[0] ?? "";
    ip("link", "set", "lo", "up");
    ip("link", "set", this.uplink, "name", "uplink", "up");
    this.uplink = "uplink";
    // As node operators do it: VFs get their MACs before their driver; igb lets those without one have no link.
    const set = (file: string, value: string) => fs.writeFileSync(`${DEVICES}/${this.pf}/${file}`, value);
    set("sriov_drivers_autoprobe", "0");
    set("sriov_numvfs", "4");
    this.vfs = [0, 1, 2, 3].map((index) => basename(fs.readlinkSync(`${DEVICES}/${this.pf}/virtfn${index}`)));
    for (const vf of this.vfs.keys())
      ip("link", "set", this.uplink, "vf", `${vf}`, "mac", `02:00:00:00:01:0${vf}`);
    set("sriov_drivers_autoprobe", "1");
    for (const vf of this.vfs) fs.writeFileSync("/sys/bus/pci/drivers_probe", vf);
    for (const [vf, address] of this.vfs.entries()) {
      const [netdev = ""] = fs.readdirSync(`${DEVICES}/${address}/net`);
      ip("link", "set", netdev, "name", `uplinkv${vf}`);
    }
    fs.mkdirSync("/run/plexus-test", { recursive: true });
    for (const name of ["sriov", "plexus"]) fs.symlinkSync(plexus, `/run/plexus-test/${name}`);
  }

  attachment(ifname = "net1"): Attachment {
    const name = `pod${++this.namespaces}`;
    ip("netns", "add", name);
    return { id: `${name}-container`, ifname, netns: `/run/netns/${name}` };
  }

  removeNetns({ netns }: Attachment): void {
    if (fs.existsSync(netns)) ip("netns", "del", basename(netns));
  }

  /** The conf of one VF, with an address of its own. */
  conf(vf: number, more: object = {}): object {
    const ipam = { type: "static", addresses: [{ address: `10.9.0.${vf + 1}/24` }] };
    return { cniVersion: "1.0.0", name: "vfs", type: "sriov", deviceID: this.vfs[vf], ipam, ...more };
  }

  private env(verb: string, { id, ifname, netns }: Attachment, more: Record<string, string>) {
    return {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: id,
      CNI_NETNS: netns,
      CNI_IFNAME: ifname,
      CNI_PATH: this.plugins,
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      ...more,
    };
  }

  /** Executes the binary under a name: `sriov`, as a runtime would, or `plexus`. */
  run(name: string, verb: string, at: Attachment, conf: object, more: Record<string, string> = {}): Ended {
    const { status, stdout, stderr } = spawnSync(`/run/plexus-test/${name}`, {
      env: this.env(verb, at, more),
      input: JSON.stringify(conf),
      encoding: "utf8",
    });
    return { status, answer: stdout === "" ? undefined : JSON.parse(stdout), stderr };
  }

  /** The same, beside others. */
  start(
    name: string,
    verb: string,
    at: Attachment,
    conf: object,
    killAfter?: number,
    more: Record<string, string> = {},
  ): Promise<Ended> {
    const child = spawn(`/run/plexus-test/${name}`, { env: this.env(verb, at, more), stdio: "pipe" });
    child.stdin.on("error", () => undefined); // it may have been killed
    child.stdin.end(JSON.stringify(conf));
    const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfter);
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk;
    });
    return new Promise((resolve) => {
      child.on("close", (status) => {
        clearTimeout(timer);
        resolve({ status, answer: stdout === "" ? undefined : JSON.parse(stdout), stderr });
      });
    });
  }

  /** `run`, which must succeed. */
  must(name: string, verb: string, at: Attachment, conf: object, more: Record<string, string> = {}): any {
    const ended = this.run(name, verb, at, conf, more);
    if (ended.status === 0) return ended.answer;
    throw new Error(`${name} ${verb}: exit ${ended.status}, ${JSON.stringify(ended.answer)} ${ended.stderr}`);
  }

  /** Starts a resident process, for the shim beside `plexus`; the function that ends it. */
  async startResident(): Promise<() => void> {
    const socket = "/run/plexus-test/plexus.sock";
    fs.chmodSync("/run/plexus-test", 0o700);
    fs.copyFileSync(`${dirname(this.plexus)}/plexus-shim`, "/run/plexus-test/plexus-shim");
    fs.writeFileSync("/run/plexus-test/plexus-shim.conf", `socket ${socket}\n`, { mode: 0o600 });
    const child = spawn(this.plexus, ["resident", "--socket", socket], { stdio: "ignore" });
    while (!fs.existsSync(socket)) await sleep(50);
    return () => child.kill("SIGKILL");
  }

  /** `plexus sriov list`. */
  list(...args: string[]): string {
    return execFileSync(this.plexus, ["sriov", "list", ...args], { encoding: "utf8" });
  }

  /** What the PF says of a VF. */
  vfInfo(vf: number): Record<string, any> {
    const [link] = JSON.parse(ip("-d", "-j", "link", "show", this.uplink));
    return link.vfinfo_list[vf];
  }

  driver(vf: number): string {
    try {
      return basename(fs.readlinkSync(`${DEVICES}/${this.vfs[vf]}/driver`));
    } catch {
      return "";
    }
  }

  group(vf: number): string {
    return basename(fs.readlinkSync(`${DEVICES}/${this.vfs[vf]}/iommu_group`));
  }

  /** All that a case may change, as text. */
  snapshot(): string {
    const states = this.vfs.map((address, vf): VfState => {
      const dir = `${DEVICES}/${address}`;
      const [netdev = ""] = fs.existsSync(`${dir}/net`) ? fs.readdirSync(`${dir}/net`) : [];
      const of = (file: string) =>
        netdev === "" ? "" : fs.readFileSync(`/sys/class/net/${netdev}/${file}`, "utf8").trim();
      const override = fs.readFileSync(`${dir}/driver_override`, "utf8").trim();
      return {
        driver: this.driver(vf),
        netdev,
        mac: of("address"),
        mtu: of("mtu"),
        override: override === "(null)" ? "" : override,
      };
    });
    const infos = this.vfs.map((_, vf) => this.vfInfo(vf));
    const allocations = fs.existsSync(`${CNI_DIR}/sriov`) ? fs.readdirSync(`${CNI_DIR}/sriov`) : [];
    return JSON.stringify({ states, infos, allocations }, null, 1);
  }
}

/** After a case that has failed: nothing of it is to be seen by the next one. */
export function cleanUp(guest: Guest): void {
  const dir = `${CNI_DIR}/sriov`;
  for (const name of fs.existsSync(dir) ? fs.readdirSync(dir) : []) {
    const { containerId: id, ifname, netns } = JSON.parse(fs.readFileSync(`${dir}/${name}`, "utf8"));
    guest.run("sriov", "DEL", { id, ifname, netns }, { cniVersion: "1.0.0", name: "vfs", type: "sriov" });
  }
}

export function ip(...args: string[]): string {
  return execFileSync("ip", args, { encoding: "utf8" });
}

/** Executes a command in a pod. */
export function inPod({ netns }: Attachment, command: string, ...args: string[]): string {
  return execFileSync("nsenter", [`--net=${netns}`, command, ...args], { encoding: "utf8" });
}

/**
 * Puts a script in the way of every `ip` that a plugin executes.
 *
 * @param script of a shell; `"$@"` after `exec ip-itself`, which is what it ends with
 */
export function withFakeIp<T>(script: string, work: () => T): T {
  const found = execFileSync("sh", ["-c", "command -v ip"], { encoding: "utf8" }).trim();
  const path = fs.realpathSync(found);
  const real = `${dirname(path)}/ip-itself`;
  fs.renameSync(path, real);
  fs.writeFileSync(path, `#!/bin/sh\n${script}\nexec ${real} "$@"\n`, { mode: 0o755 });
  try {
    return work();
  } finally {
    fs.renameSync(real, path);
  }
}
