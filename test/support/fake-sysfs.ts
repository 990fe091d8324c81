// A node's sysfs and `ip`, for NICs that no VM has: devices with drivers, netdevs and groups, which react to what is
// written as the kernel does. Everything is in memory.
import { basename, dirname } from "node:path";
import type { ExecuteOptions, Execution, Host } from "../../launcher/host/host.ts";

const DEVICES = "/sys/bus/pci/devices";

export interface FakeDevice {
  driver?: string;
  /** Of its kernel driver; there while it has that driver. */
  netdev?: string;
  /** Other netdevs in its directory, with their phys_port_name. */
  representors?: Record<string, string>;
  iommuGroup?: string;
  rdma?: string[];
  /** Of a PF: the addresses of its VFs. */
  vfs?: string[];
}

export interface Ran {
  args: string[];
  netns: string | undefined;
  lines: string[];
}

export class FakeNode {
  readonly ran: Ran[] = [];
  /** path -> text */
  readonly files = new Map<string, string>();
  /** Netdev -> PCI address, of those in the node's own namespace. */
  readonly netdevs = new Map<string, string>();
  readonly vf: Record<string, unknown> = { address: "00:00:00:00:00:00", spoofchk: true, link_state: "auto" };
  /** A line of a batch that fails. */
  failing: RegExp | undefined;
  private readonly devices: Map<string, FakeDevice & { bound: string }>;
  private readonly drivers: Set<string>;
  private readonly override = new Map<string, string>();

  constructor(devices: Record<string, FakeDevice>, drivers: string[]) {
    this.devices = new Map(
      Object.entries(devices).map(([address, device]) => [
        address,
        { ...device, bound: device.driver ?? "" },
      ]),
    );
    this.drivers = new Set(drivers);
    for (const [address, { netdev }] of this.devices) {
      if (netdev !== undefined) this.netdevs.set(netdev, address);
    }
    this.files.set("/run/netns/pod", "");
  }

  driver(address: string): string {
    return this.devices.get(address)?.bound ?? "";
  }

  readonly host: Host = {
    prepare: () => undefined,
    size: async () => 0,
    append: async () => undefined,
    rotate: async () => undefined,
    grpc: async () => new Uint8Array(),
    find: async (name) => (["ip", "rdma"].includes(name) ? `/usr/sbin/${name}` : undefined),
    execute: async (path, options) => this.execute(path, options),
    read: async (path) => this.files.get(path) ?? this.sysfsFile(path),
    list: async (dir) => this.listing(dir).sort(),
    isDirectory: async (path) => this.drivers.has(basename(path)),
    exists: async (path) =>
      this.files.has(path) ||
      this.devices.has(basename(path)) ||
      (path.startsWith("/sys/class/net/") && this.netdevs.has(basename(path))) ||
      (path.endsWith("/sriov_totalvfs") && this.devices.get(basename(dirname(path)))?.vfs !== undefined),
    write: async (path, text) => void this.files.set(path, text),
    create: async (path, text) => {
      if (this.files.has(path)) return false;
      this.files.set(path, text);
      return true;
    },
    remove: async (path) => void this.files.delete(path),
    readlink: async (path) => this.link(path),
    set: async (path, value) => this.set(path, value),
  };

  private link(path: string): string | undefined {
    const address = basename(dirname(path));
    const device = this.devices.get(address);
    const name = basename(path);
    if (name === "driver") return device?.bound ? `../drivers/${device.bound}` : undefined;
    if (name === "iommu_group") return device?.iommuGroup ? `../groups/${device.iommuGroup}` : undefined;
    if (name === "physfn") {
      const pf = [...this.devices].find(([, { vfs }]) => vfs?.includes(address));
      return pf ? `../${pf[0]}` : undefined;
    }
    return `../${device?.vfs?.[Number(name.slice("virtfn".length))]}`;
  }

  private listing(dir: string): string[] {
    if (dir === DEVICES) return [...this.devices.keys()];
    const group = /iommu_groups\/(\d+)\/devices$/.exec(dir)?.[1];
    if (group)
      return [...this.devices].flatMap(([address, { iommuGroup }]) => (iommuGroup === group ? address : []));
    const [, address = "", below = ""] = /devices\/([^/]+)(?:\/(.*))?$/.exec(dir) ?? [];
    const device = this.devices.get(address);
    if (device && below === "net") {
      const own = [...this.netdevs].flatMap(([name, at]) => (at === address ? name : []));
      return [...own, ...Object.keys(device.representors ?? {})];
    }
    if (device && below === "infiniband") return device.rdma ?? [];
    if (device && below === "") return (device.vfs ?? []).map((_, index) => `virtfn${index}`);
    return [...this.files.keys()].flatMap((path) => (dirname(path) === dir ? basename(path) : []));
  }

  private sysfsFile(path: string): string | undefined {
    const port = /net\/([^/]+)\/phys_port_name$/.exec(path)?.[1] ?? "";
    for (const { representors } of this.devices.values()) {
      if (representors?.[port] !== undefined) return `${representors[port]}\n`;
    }
    if (path.startsWith("/sys/class/net/")) {
      return { address: "02:00:00:00:00:01\n", mtu: "1500\n", flags: "0x1003\n" }[basename(path)];
    }
    return undefined;
  }

  private set(path: string, value: string): void {
    const name = basename(path);
    if (name === "driver_override") {
      this.override.set(basename(dirname(path)), value.trim());
      return;
    }
    const device = this.devices.get(value);
    if (!device) throw new Error(`ENODEV ${path} ${value}`);
    if (name === "unbind") {
      device.bound = "";
      for (const [netdev, address] of this.netdevs) if (address === value) this.netdevs.delete(netdev);
    } else {
      device.bound = this.override.get(value) || device.driver || "";
      if (device.bound === device.driver && device.netdev) this.netdevs.set(device.netdev, value);
    }
  }

  private execute(path: string, { args = [], netns, stdin }: ExecuteOptions): Execution {
    const lines = stdin.split("\n").filter(Boolean);
    this.ran.push({ args: [basename(path), ...args], netns, lines });
    const [at, line] = [...lines.entries()].find(([, text]) => this.failing?.test(text)) ?? [-1, ""];
    if (at >= 0) {
      this.failing = undefined;
      return {
        exitCode: 1,
        stdout: "",
        stderr: `RTNETLINK answers: no ${line}\nCommand failed -:${at + 1}\n`,
      };
    }
    for (const text of lines) this.move(text, netns);
    const vfs = Array.from({ length: 8 }, (_, vf) => ({ vf, ...this.vf }));
    const link = {
      ifname: args.at(-1),
      flags: ["UP"],
      mtu: 1500,
      address: "02:00:00:00:00:01",
      vfinfo_list: vfs,
    };
    return { exitCode: 0, stdout: JSON.stringify([link]), stderr: "" };
  }

  /** `link set dev X netns Y name Z`, away and back. */
  private move(line: string, netns: string | undefined): void {
    const [, from = "", to = "", name = ""] = /^link set dev (\S+) netns (\S+) name (\S+)$/.exec(line) ?? [];
    if (name === "") return;
    const key = (where: string | undefined, what: string) =>
      where === undefined ? what : `${where} ${what}`;
    const address = this.netdevs.get(from) ?? this.moved.get(key(netns, from));
    if (address === undefined) throw new Error(`there is no ${from}`);
    this.netdevs.delete(from);
    this.moved.delete(key(netns, from));
    if (to === "1") this.netdevs.set(name, address);
    else this.moved.set(key(to, name), address);
  }

  private readonly moved = new Map<string, string>();
}
