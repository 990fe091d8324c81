// PCI devices as sysfs shows them. Source: Linux Documentation/PCI/pci-iov-howto.rst, ABI/testing/sysfs-bus-pci.
import { basename } from "node:path";
import { Code, Fault } from "../fault.ts";
import type { Host } from "../host/host.ts";

export const DEVICES_DIR = "/sys/bus/pci/devices";
/** Netdevs in the node's own network namespace. */
const NETDEVS_DIR = "/sys/class/net";
/** IFF_UP of the flags of a netdev. Source: Linux include/uapi/linux/if.h. */
const IFF_UP = 1;

const UIO_DRIVERS = ["uio_pci_generic", "igb_uio"];
/** vfio-pci, and those of vendors, such as mlx5_vfio_pci. Source: Linux drivers/vfio/pci. */
const VFIO_DRIVER = /(^|[_-])vfio[_-]pci$/;
/** Holds a device for nobody. Source: Linux drivers/pci/pci-stub.c. */
const STUB = "pci-stub";

interface PhysicalFunction {
  address: string;
  /** Its netdev, through which its VFs are set; "" if it has none, as a PF with a driver for user space. */
  netdev: string;
}

export interface PciDevice {
  address: string;
  /** "" if it has none. */
  driver: string;
  /** The name of its netdev in the node's own network namespace; "" if it has none there. */
  netdev: string;
  /** Of a VF: its PF, and its number there. */
  pf?: PhysicalFunction;
  vf?: number;
  /** Is it a network controller, as far as it is known? Source: PCI class codes, in sysfs's `class`. */
  isNetwork: boolean;
  /** Its IOMMU group; "" if it is not in one. */
  iommuGroup: string;
  /** The names of its RDMA devices. */
  rdma: string[];
}

/** The state of a netdev. */
export interface Netdev {
  name: string;
  mac: string;
  mtu: number;
  up: boolean;
}

/** Does an application in user space have a device that has this driver? Then the device has no netdev. */
export function isUserSpaceDriver(driver: string): boolean {
  return UIO_DRIVERS.includes(driver) || isVfioDriver(driver);
}

/** Does it give an application the whole IOMMU group? */
export function isVfioDriver(driver: string): boolean {
  return VFIO_DRIVER.test(driver);
}

/** May a device have this driver while an application has the rest of its IOMMU group? Source: Linux Documentation/driver-api/vfio.rst. */
export function leavesGroup(driver: string): boolean {
  return ["", STUB, "pcieport"].includes(driver) || isVfioDriver(driver);
}

/** Has nobody a device with this driver? */
export function isNoDriver(driver: string): boolean {
  return driver === "" || driver === STUB;
}

/** Reads the device at a PCI address. Throws a Fault if there is none. */
export async function readDevice(host: Host, address: string): Promise<PciDevice> {
  const dir = `${DEVICES_DIR}/${address}`;
  if (!(await host.exists(dir))) {
    throw new Fault(
      Code.invalidNetworkConfig,
      `there is no PCI device ${address} on this node; use one of those that \`plexus sriov list\` shows`,
    );
  }
  const pf = target(await host.readlink(`${dir}/physfn`));
  return {
    address,
    driver: target(await host.readlink(`${dir}/driver`)),
    netdev: await netdevOf(host, address),
    isNetwork: ((await host.read(`${dir}/class`)) ?? "0x02").startsWith("0x02"),
    iommuGroup: target(await host.readlink(`${dir}/iommu_group`)),
    rdma: await host.list(`${dir}/infiniband`),
    ...(pf === ""
      ? {}
      : { pf: { address: pf, netdev: await netdevOf(host, pf) }, vf: await indexOf(host, pf, address) }),
  };
}

/** Reads a netdev of the node's own network namespace. */
export async function readNetdev(host: Host, name: string): Promise<Netdev> {
  const read = async (file: string) => (await host.read(`${NETDEVS_DIR}/${name}/${file}`))?.trim() ?? "";
  const up = (Number(await read("flags")) & IFF_UP) !== 0;
  return { name, mac: await read("address"), mtu: Number(await read("mtu")), up };
}

/** Does the node's own network namespace have a netdev of this name? */
export function isNetdev(host: Host, name: string): Promise<boolean> {
  return host.exists(`${NETDEVS_DIR}/${name}`);
}

/** Lists the addresses of the PFs that have VFs, or could have. */
export async function physicalFunctions(host: Host): Promise<string[]> {
  const found: string[] = [];
  for (const address of await host.list(DEVICES_DIR)) {
    if (await host.exists(`${DEVICES_DIR}/${address}/sriov_totalvfs`)) found.push(address);
  }
  return found;
}

/** Lists the addresses of a PF's VFs, by their numbers. */
export async function virtualFunctions(host: Host, pf: string): Promise<string[]> {
  const names = (await host.list(`${DEVICES_DIR}/${pf}`)).filter((name) => /^virtfn\d+$/.test(name));
  names.sort((one, other) => number(one) - number(other));
  return Promise.all(names.map(async (name) => target(await host.readlink(`${DEVICES_DIR}/${pf}/${name}`))));
}

/** Reads how many VFs a PF could have. */
export async function possibleVfs(host: Host, pf: string): Promise<number> {
  return Number(await host.read(`${DEVICES_DIR}/${pf}/sriov_totalvfs`));
}

/** Lists the addresses of all devices in an IOMMU group. */
export function groupMembers(host: Host, group: string): Promise<string[]> {
  return host.list(`/sys/kernel/iommu_groups/${group}/devices`);
}

/**
 * Finds a function's netdev; "" if it has none. If it has several, as a PF in switchdev mode has the representors of its
 * VFs, its own is the one without a `phys_port_name`, or with one such as `p0`.
 */
async function netdevOf(host: Host, address: string): Promise<string> {
  const dir = `${DEVICES_DIR}/${address}/net`;
  const names = await host.list(dir);
  if (names.length < 2) return names[0] ?? "";
  for (const name of names) {
    const port = (await host.read(`${dir}/${name}/phys_port_name`).catch(() => undefined))?.trim() ?? ""; // reading it fails if the driver has no port names
    if (port === "" || /^p\d+$/.test(port)) return name;
  }
  return names[0] ?? "";
}

async function indexOf(host: Host, pf: string, address: string): Promise<number> {
  for (const name of await host.list(`${DEVICES_DIR}/${pf}`)) {
    if (!/^virtfn\d+$/.test(name)) continue;
    if (target(await host.readlink(`${DEVICES_DIR}/${pf}/${name}`)) === address) return number(name);
  }
  throw new Fault(
    Code.internal,
    `device ${address} names ${pf} as its PF, but is not among the VFs of that; make the VFs of the PF anew`,
  );
}

function number(virtfn: string): number {
  return Number(virtfn.slice("virtfn".length));
}

function target(link: string | undefined): string {
  return link === undefined ? "" : basename(link);
}
