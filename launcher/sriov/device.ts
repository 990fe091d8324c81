// PCI devices as sysfs shows them. Source: Linux Documentation/PCI/pci-iov-howto.rst, ABI/testing/sysfs-bus-pci.
import { basename } from "node:path";
import { Code, Fault } from "../fault.ts";
import type { Host } from "../host/host.ts";

export const DEVICES = "/sys/bus/pci/devices";
export const DRIVERS = "/sys/bus/pci/drivers";

/** Drivers behind which an application in user space has the device: it has no netdev. */
export const USER_DRIVERS = ["vfio-pci", "uio_pci_generic", "igb_uio"];

interface PhysicalFunction {
  address: string;
  /** Its netdev, through which VFs are set; "" where it has none, as with a PF that is itself bound to user space. */
  netdev: string;
}

export interface Device {
  address: string;
  /** "" where it has none. */
  driver: string;
  /** Its netdev in this network namespace; "" where it has none here. */
  netdev: string;
  /** Of a VF: the PF, and the VF's number there. */
  pf?: PhysicalFunction;
  vf?: number;
  /** Its IOMMU group; "" where it is in none. */
  iommuGroup: string;
  /** RDMA devices of it. */
  rdma: string[];
}

/** The device at a PCI address. Throws a Fault where there is none. */
export async function readDevice(host: Host, address: string): Promise<Device> {
  const dir = `${DEVICES}/${address}`;
  if (!(await host.exists(dir))) {
    throw new Fault(
      Code.invalidNetworkConfig,
      `there is no PCI device ${address} on this node: \`plexus sriov list\` shows the VFs that there are`,
    );
  }
  const pf = target(await host.readlink(`${dir}/physfn`));
  return {
    address,
    driver: target(await host.readlink(`${dir}/driver`)),
    netdev: await netdevOf(host, address),
    iommuGroup: target(await host.readlink(`${dir}/iommu_group`)),
    rdma: await host.list(`${dir}/infiniband`),
    ...(pf === ""
      ? {}
      : { pf: { address: pf, netdev: await netdevOf(host, pf) }, vf: await indexOf(host, pf, address) }),
  };
}

/** The addresses of the PFs that have VFs, or could have. */
export async function physicalFunctions(host: Host): Promise<string[]> {
  const found: string[] = [];
  for (const address of await host.list(DEVICES)) {
    if (await host.exists(`${DEVICES}/${address}/sriov_totalvfs`)) found.push(address);
  }
  return found;
}

/** The addresses of a PF's VFs, by their numbers. */
export async function virtualFunctions(host: Host, pf: string): Promise<string[]> {
  const names = (await host.list(`${DEVICES}/${pf}`)).filter((name) => /^virtfn\d+$/.test(name));
  names.sort((one, other) => number(one) - number(other));
  return Promise.all(names.map(async (name) => target(await host.readlink(`${DEVICES}/${pf}/${name}`))));
}

/** The addresses of all devices in an IOMMU group. */
export function groupMembers(host: Host, group: string): Promise<string[]> {
  return host.list(`/sys/kernel/iommu_groups/${group}/devices`);
}

/**
 * A function's netdev. Where it has several, as in switchdev mode with the representors of its VFs, the one that is a port
 * of its own: without a `phys_port_name`, or with one such as `p0`.
 */
async function netdevOf(host: Host, address: string): Promise<string> {
  const dir = `${DEVICES}/${address}/net`;
  const names = await host.list(dir);
  if (names.length < 2) return names[0] ?? "";
  for (const name of names) {
    const port = (await host.read(`${dir}/${name}/phys_port_name`).catch(() => undefined))?.trim() ?? ""; // not all drivers have it
    if (port === "" || /^p\d+$/.test(port)) return name;
  }
  return names[0] ?? "";
}

async function indexOf(host: Host, pf: string, address: string): Promise<number> {
  for (const name of await host.list(`${DEVICES}/${pf}`)) {
    if (!/^virtfn\d+$/.test(name)) continue;
    if (target(await host.readlink(`${DEVICES}/${pf}/${name}`)) === address) return number(name);
  }
  throw new Fault(Code.internal, `${address} says it is a VF of ${pf}, which does not have it: reset the PF`);
}

function number(virtfn: string): number {
  return Number(virtfn.slice("virtfn".length));
}

function target(link: string | undefined): string {
  return link === undefined ? "" : basename(link);
}
