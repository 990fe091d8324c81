// Which driver has a device. Source: Linux ABI/testing/sysfs-bus-pci (driver_override, drivers_probe, unbind) and
// Documentation/driver-api/vfio.rst (groups, no-IOMMU mode).
import type { Clock } from "../clock.ts";
import { Code, Fault } from "../fault.ts";
import type { Host } from "../host/host.ts";
import type { VfSettings } from "./conf.ts";
import {
  DEVICES_DIR,
  groupMembers,
  isVfioDriver,
  leavesGroup,
  type PciDevice,
  readDevice,
} from "./device.ts";

const DRIVERS_DIR = "/sys/bus/pci/drivers";
/** "Y" if vfio binds devices that are not in an IOMMU group. */
const NO_IOMMU_MODE = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";
/** A driver makes a device's netdev a moment after it has taken the device. */
export const NETDEV_WITHIN_MS = 5000;
const STEP_MS = 20;

/** Throws a Fault if the driver cannot have the device. Changes nothing. */
export async function requireDriver(host: Host, device: PciDevice, driver: string): Promise<void> {
  const what = `device ${device.address} cannot be bound to ${driver}`;
  if (!(await host.isDirectory(`${DRIVERS_DIR}/${driver}`))) {
    throw new Fault(
      Code.pluginNotAvailable,
      `${what}: this node's kernel has no such driver loaded; run \`modprobe ${driver}\`, and make sure that it is loaded at boot`,
    );
  }
  if (isVfioDriver(driver)) await requireIommuGroup(host, device, what);
}

/** vfio gives an application the whole IOMMU group of a device. */
async function requireIommuGroup(host: Host, device: PciDevice, what: string): Promise<void> {
  if (device.iommuGroup === "") {
    if ((await host.read(NO_IOMMU_MODE))?.trim() === "Y") return;
    throw new Fault(
      Code.pluginNotAvailable,
      `${what}: it is not in an IOMMU group; boot with intel_iommu=on (or amd_iommu=on), or allow vfio's no-IOMMU mode: ` +
        `\`echo 1 > ${NO_IOMMU_MODE}\``,
    );
  }
  for (const address of await groupMembers(host, device.iommuGroup)) {
    if (address === device.address) continue;
    const { driver } = await readDevice(host, address);
    if (leavesGroup(driver)) continue;
    throw new Fault(
      Code.invalidNetworkConfig,
      `${what}: ${address} is in the same IOMMU group, ${device.iommuGroup}, and has driver ${driver}, so the kernel gives the ` +
        "group to no application; put the NIC into a slot with ACS, or bind that device to vfio-pci too",
    );
  }
}

/** Binds a device to a driver, and from then on to no other. Throws a Fault if the driver does not take it. */
export async function bind(
  host: Host,
  { address, driver: before }: PciDevice,
  driver: string,
): Promise<void> {
  await override(host, address, driver);
  if (before !== "") await unbind(host, address, before);
  await probe(host, address, driver);
}

/**
 * Lets a driver take a device anew. A netdev is made anew in the node's own network namespace. Throws a Fault if the driver
 * does not take the device.
 *
 * @param driver "" for none
 * @param after the driver_override from then on; "" for none
 */
export async function rebind(host: Host, address: string, driver: string, after: string): Promise<void> {
  const { driver: before } = await readDevice(host, address);
  if (before !== "") await unbind(host, address, before);
  if (driver !== "") {
    // Named while it is probed: if a PF has no `sriov_drivers_autoprobe`, a driver that is not named cannot have its VFs.
    await override(host, address, driver);
    await probe(host, address, driver);
  }
  await override(host, address, after);
}

/** Reads which driver only may take a device; "" for any. */
export async function readOverride(host: Host, address: string): Promise<string> {
  const text = (await host.read(overridePath(address)))?.trim() ?? "";
  return text === "(null)" ? "" : text;
}

/**
 * Must a driver take a VF anew after these settings? igbvf reads the MAC address that the PF has set of a VF only when it
 * takes the VF, and lets no other be set.
 */
export function needsRebind(driver: string, { mac }: VfSettings): boolean {
  return mac !== undefined && driver === "igbvf";
}

/** Reads a device once it has a netdev on the node; without one if none comes within NETDEV_WITHIN_MS. */
export async function waitForNetdev(host: Host, clock: Clock, address: string): Promise<PciDevice> {
  const endMs = clock.now() + NETDEV_WITHIN_MS;
  for (;;) {
    const device = await readDevice(host, address);
    if (device.netdev !== "" || clock.now() >= endMs) return device;
    await clock.sleep(STEP_MS);
  }
}

/** @param driver the only one that may take the device from then on; "" for any */
export async function override(host: Host, address: string, driver: string): Promise<void> {
  await host.set(overridePath(address), driver === "" ? "\n" : driver);
}

function overridePath(address: string): string {
  return `${DEVICES_DIR}/${address}/driver_override`;
}

async function unbind(host: Host, address: string, driver: string): Promise<void> {
  await host.set(`${DRIVERS_DIR}/${driver}/unbind`, address);
}

/** The kernel does not say whether a driver has taken the device; the device's link `driver` does. */
async function probe(host: Host, address: string, driver: string): Promise<void> {
  await host.set("/sys/bus/pci/drivers_probe", address);
  const { driver: after } = await readDevice(host, address);
  if (after === driver) return;
  throw new Fault(
    Code.ioFailure,
    `driver ${driver} did not take device ${address}, which has ${after === "" ? "no driver" : `driver ${after}`} now; ` +
      "the node's kernel log says why",
  );
}
