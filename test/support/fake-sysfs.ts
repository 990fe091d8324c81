// A node's PCI devices in memory, as sysfs shows them: drivers, netdevs, IOMMU groups, PFs and VFs. They react to what is
// written as the kernel does. `fake-iproute.ts` executes `ip` and `rdma` on them.
// Source: Linux ABI/testing/sysfs-bus-pci, drivers/pci/pci-driver.c, net/core/dev.c (default_device_exit_net).

import { type Directory, directory, type Entry, entries, entryAt, file, refused } from "./fake-tree.ts";

/** The node's own network namespace. */
export const NODE = "";

/** A device as it is at boot. */
export interface FakeDevice {
  /** Takes it by its ID. Without one, only a driver that is named in `driver_override` takes it. */
  driver?: string;
  /** The netdev that this driver makes. */
  netdev?: string;
  /** Other netdevs in its directory, with their phys_port_name. */
  representors?: Record<string, string>;
  iommuGroup?: string;
  rdma?: string[];
  /** Of a PF: the addresses of its VFs. */
  vfs?: string[];
  /** Of a PF: does a VF get its driver without `driver_override`? As is the default. */
  autoprobe?: boolean;
}

/** What a PF has set of a VF. */
export interface FakeVf {
  mac: string;
  vlan: number;
  qos: number;
  protocol: string;
  spoofchk: boolean;
  trust: boolean;
  state: string;
  /** In Mbit/s. */
  minTxRate: number;
  maxTxRate: number;
}

export interface FakeLink {
  name: string;
  /** The PCI device that it is of; "" if none. */
  device: string;
  /** The path of its network namespace, or NODE. */
  netns: string;
  mac: string;
  mtu: number;
  isUp: boolean;
  /** With prefix length. */
  addresses: string[];
}

export interface FakeNodeOptions {
  /** Drivers that are loaded besides those that devices have at boot. */
  drivers?: string[];
  /** vfio's no-IOMMU mode. */
  noIommu?: boolean;
  /** Is an RDMA device in one network namespace only? */
  rdmaExclusive?: boolean;
  /** Does what the kernel does a moment later: a driver's netdev. At once, unless given. */
  later?: (work: () => void) => void;
}

interface DeviceState extends FakeDevice {
  address: string;
  /** The driver that has it; "" if none. */
  bound: string;
  override: string;
  vf: FakeVf;
  /** The MAC address of its hardware. */
  mac: string;
}

/** Of a VF whose PF has set no MAC address. */
export const NO_MAC = "00:00:00:00:00:00";
const UNSET: FakeVf = {
  mac: NO_MAC,
  vlan: 0,
  qos: 0,
  protocol: "802.1q",
  spoofchk: true,
  trust: false,
  state: "auto",
  minTxRate: 0,
  maxTxRate: 0,
};

/**
 * What a Host needs of /sys: `read`, `list`, `exists`, `isDirectory`, `readlink` and `set` as in the Host port, but
 * synchronous. What the kernel refuses is thrown as an Error with `code` and `syscall`.
 */
export class FakeSysfs {
  /** Every netdev, in whichever network namespace. */
  readonly links: FakeLink[] = [];
  /** RDMA device -> the path of its network namespace, or NODE. */
  readonly rdma = new Map<string, string>();
  private readonly devices = new Map<string, DeviceState>();
  private readonly namespaces = new Set<string>([NODE]);
  private readonly drivers: Set<string>;
  private readonly options: FakeNodeOptions;

  /** @param devices by their PCI addresses, such as 0000:3b:00.0 */
  constructor(devices: Record<string, FakeDevice>, options: FakeNodeOptions = {}) {
    this.options = options;
    this.drivers = new Set(options.drivers);
    for (const [address, device] of Object.entries(devices)) {
      const number = this.devices.size + 1;
      const mac = `02:00:00:00:00:${number.toString(16).padStart(2, "0")}`;
      const state: DeviceState = { ...device, address, bound: "", override: "", vf: { ...UNSET }, mac };
      this.devices.set(address, state);
      for (const name of device.rdma ?? []) this.rdma.set(name, NODE);
      if (device.driver === undefined) continue;
      this.drivers.add(device.driver);
      state.bound = device.driver;
      this.makeLink(state);
    }
    for (const link of this.links) link.isUp = true;
  }

  read(path: string): string | undefined {
    const entry = this.at(path);
    if (entry?.directory) return undefined; // as the Host port has EISDIR
    return entry?.read?.();
  }

  list(path: string): string[] {
    return Object.keys(this.at(path)?.directory?.() ?? {}).sort();
  }

  exists(path: string): boolean {
    return this.at(path) !== undefined;
  }

  isDirectory(path: string): boolean {
    return this.at(path)?.directory !== undefined;
  }

  readlink(path: string): string | undefined {
    return this.at(path)?.to;
  }

  set(path: string, value: string): void {
    const entry = this.at(path);
    if (entry === undefined) throw refused("ENOENT", "open", path);
    if (entry.write === undefined) throw refused("EACCES", "open", path);
    entry.write(value.trim());
  }

  /** Makes a network namespace. */
  addNetns(path: string): void {
    this.namespaces.add(path);
  }

  /** Removes a network namespace: its physical links and RDMA devices come to the node, the other links are gone. */
  removeNetns(path: string): void {
    this.namespaces.delete(path);
    for (const link of this.links.filter(({ netns }) => netns === path)) {
      if (link.device === "") this.links.splice(this.links.indexOf(link), 1);
      else Object.assign(link, { netns: NODE, name: this.freeName(link.name), isUp: false, addresses: [] });
    }
    for (const [name, netns] of this.rdma) if (netns === path) this.rdma.set(name, NODE);
  }

  hasNetns(path: string): boolean {
    return this.namespaces.has(path);
  }

  /** Adds a link that is of no PCI device, such as a veth. */
  addLink(name: string, netns: string): void {
    this.links.push({ name, device: "", netns, mac: NO_MAC, mtu: 1500, isUp: false, addresses: [] });
  }

  /** Takes a device out of the node, as when the VFs of a PF are removed. */
  remove(address: string): void {
    this.unbind(address, this.driver(address));
    this.devices.delete(address);
  }

  link(name: string, netns = NODE): FakeLink | undefined {
    return this.links.find((link) => link.name === name && link.netns === netns);
  }

  /** The driver that has a device; "" if none. */
  driver(address: string): string {
    return this.devices.get(address)?.bound ?? "";
  }

  /** What the PF has set of the VF at an address. */
  vf(address: string): FakeVf | undefined {
    return this.devices.get(address)?.vf;
  }

  /** The same of all VFs of the PF at an address, by their numbers; undefined if it is not a PF. */
  vfs(address: string): FakeVf[] | undefined {
    return this.devices.get(address)?.vfs?.flatMap((vf) => this.vf(vf) ?? []);
  }

  /** All that an attachment changes of the devices, as JSON: the same before an ADD and after its DEL. */
  snapshot(): string {
    const devices = [...this.devices.values()].map(({ address, bound, override, vf }) => {
      const links = this.links.filter(({ device }) => device === address);
      return { address, bound, override, vf, links };
    });
    return JSON.stringify({ devices, rdma: [...this.rdma] }, null, 1);
  }

  private readonly root: Directory = () => ({
    bus: directory({
      pci: directory({
        devices: { directory: () => entries([...this.devices.values()], ({ address }) => address, this.pci) },
        drivers: { directory: () => entries([...this.drivers], (name) => name, this.driverEntry) },
        drivers_probe: { write: (address) => this.probe(address) },
      }),
    }),
    class: directory({
      net: { directory: () => entries(this.linksOnNode(), ({ name }) => name, linkEntry) },
    }),
    kernel: directory({ iommu_groups: { directory: () => this.groups() } }),
    module: directory({
      vfio: parameter("enable_unsafe_noiommu_mode", this.options.noIommu ? "Y" : "N"),
      ib_core: parameter("netns_mode", this.options.rdmaExclusive ? "N" : "Y"),
    }),
  });

  private at(path: string): Entry | undefined {
    const [, sys, ...names] = path.split("/");
    return sys === "sys" ? entryAt(this.root, names) : undefined;
  }

  private linksOnNode(): FakeLink[] {
    return this.links.filter(({ netns }) => netns === NODE);
  }

  private readonly pci = (device: DeviceState): Entry => {
    const { address, bound, iommuGroup, rdma, representors, vfs } = device;
    const pf = this.pfOf(address);
    const own = this.linksOnNode().filter((link) => link.device === address);
    const net = {
      ...entries(
        own,
        ({ name }) => name,
        () => port(undefined),
      ),
      ...Object.fromEntries(Object.entries(representors ?? {}).map(([name, of]) => [name, port(of)])),
    };
    const rdmaHere = (rdma ?? []).filter((name) => this.rdma.get(name) === NODE);
    return directory({
      driver_override: {
        read: () => `${device.override || "(null)"}\n`,
        write: (name) => {
          device.override = name;
        },
      },
      ...(bound === "" ? {} : { driver: { to: `../../../bus/pci/drivers/${bound}` } }),
      ...(iommuGroup === undefined ? {} : { iommu_group: { to: `../../kernel/iommu_groups/${iommuGroup}` } }),
      ...(pf === undefined ? {} : { physfn: { to: `../${pf.address}` } }),
      ...(vfs === undefined ? {} : { sriov_totalvfs: file("8"), sriov_numvfs: file(`${vfs.length}`) }),
      ...Object.fromEntries((vfs ?? []).map((vf, index) => [`virtfn${index}`, { to: `../${vf}` }])),
      ...(Object.keys(net).length === 0 ? {} : { net: directory(net) }),
      ...(rdmaHere.length === 0
        ? {}
        : { infiniband: directory(Object.fromEntries(rdmaHere.map((name) => [name, {}]))) }),
    });
  };

  private readonly driverEntry = (name: string): Entry =>
    directory({ unbind: { write: (address) => this.unbind(address, name) } });

  private groups(): Record<string, Entry> {
    const groups: Record<string, Record<string, Entry>> = {};
    for (const { address, iommuGroup } of this.devices.values()) {
      if (iommuGroup === undefined) continue;
      groups[iommuGroup] = { ...groups[iommuGroup], [address]: { to: `../../../../devices/${address}` } };
    }
    return entries(
      Object.entries(groups),
      ([group]) => group,
      ([, devices]) => directory({ devices: directory(devices) }),
    );
  }

  private pfOf(address: string): DeviceState | undefined {
    return [...this.devices.values()].find(({ vfs }) => vfs?.includes(address));
  }

  private unbind(address: string, driver: string): void {
    const device = this.devices.get(address);
    if (!device || device.bound !== driver) throw refused("ENODEV", "write", address);
    device.bound = "";
    for (const link of this.links.filter((one) => one.device === address)) {
      this.links.splice(this.links.indexOf(link), 1);
    }
    for (const name of device.rdma ?? []) this.rdma.set(name, NODE);
  }

  /** A device that has a driver keeps it; an overridden one is taken by that driver only. */
  private probe(address: string): void {
    const device = this.devices.get(address);
    if (!device) throw refused("ENODEV", "write", address);
    const isAllowed = device.override !== "" || (this.pfOf(address)?.autoprobe ?? true);
    const driver = device.override || device.driver || "";
    if (device.bound !== "" || !isAllowed || !this.drivers.has(driver)) return;
    device.bound = driver;
    const later = this.options.later ?? ((work) => work());
    later(() => {
      if (device.bound === driver) this.makeLink(device);
    });
  }

  private makeLink({ address, bound, driver, mac, netdev, vf }: DeviceState): void {
    if (netdev === undefined || bound !== driver || this.links.some(({ device }) => device === address))
      return;
    this.links.push({
      name: this.freeName(netdev),
      device: address,
      netns: NODE,
      mac: vf.mac === NO_MAC ? mac : vf.mac,
      mtu: 1500,
      isUp: false,
      addresses: [],
    });
  }

  /** A name for a link that comes to the node. */
  private freeName(wanted: string): string {
    for (let index = 0, name = wanted; ; name = `dev${index++}`) if (!this.link(name)) return name;
  }
}

function parameter(name: string, value: string): Entry {
  return directory({ parameters: directory({ [name]: file(value) }) });
}

function linkEntry({ mac, mtu, isUp }: FakeLink): Entry {
  return directory({ address: file(mac), mtu: file(`${mtu}`), flags: file(isUp ? "0x1003" : "0x1002") });
}

/** A netdev in a device's directory. Most drivers know no port names. */
function port(name: string | undefined): Entry {
  const read = () => {
    if (name === undefined) throw refused("EOPNOTSUPP", "read", "phys_port_name");
    return `${name}\n`;
  };
  return directory({ phys_port_name: { read } });
}
