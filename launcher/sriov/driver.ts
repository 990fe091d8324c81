// Which driver has a device. Source: Linux ABI/testing/sysfs-bus-pci (driver_override, drivers_probe, unbind) and
// Documentation/driver-api/vfio.rst (groups, no-IOMMU mode).
import { setTimeout as sleep } from "node:timers/promises";
import { Code, Fault } from "../fault.ts";
import type { Host } from "../host/host.ts";
import { DEVICES, type Device, DRIVERS, groupMembers, readDevice, USER_DRIVERS } from "./device.ts";

const NO_IOMMU = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";
/** A driver makes a device's netdev a moment after it has taken the device. */
const NETDEV_WITHIN = 5000;
const STEP = 20;

/** Throws where the driver cannot have the device; nothing is changed. */
export async function requireDriver(host: Host, device: Device, driver: string): Promise<void> {
  const what = `${device.address} cannot be bound to ${driver}`;
  if (!(await host.isDirectory(`${DRIVERS}/${driver}`))) {
    throw new Fault(
      Code.pluginNotAvailable,
      `${what}: this node's kernel has no such driver loaded: \`modprobe ${driver}\`, and see that it is loaded at boot`,
    );
  }
  if (driver !== "vfio-pci") return;
  if (device.iommuGroup === "") {
    if ((await host.read(NO_IOMMU))?.trim() === "Y") return;
    throw new Fault(
      Code.pluginNotAvailable,
      `${what}: it is in no IOMMU group: boot with intel_iommu=on (or amd_iommu=on), or allow vfio's no-IOMMU mode: ` +
        `\`echo 1 > ${NO_IOMMU}\``,
    );
  }
  for (const address of await groupMembers(host, device.iommuGroup)) {
    if (address === device.address) continue;
    const other = await readDevice(host, address);
    if (other.driver === "" || other.driver === "pcieport" || USER_DRIVERS.includes(other.driver)) continue;
    throw new Fault(
      Code.invalidNetworkConfig,
      `${what}: ${address} is in the same IOMMU group, ${device.iommuGroup}, and has driver ${other.driver}, so no ` +
        "application may have the group: put the NIC into a slot with ACS, or bind that device to vfio-pci too",
    );
  }
}

/** Binds a device to a driver, to no other from then on. Throws where it does not take it. */
export async function bind(host: Host, { address, driver: before }: Device, driver: string): Promise<void> {
  await host.set(`${DEVICES}/${address}/driver_override`, driver);
  if (before !== "") await host.set(`${DRIVERS}/${before}/unbind`, address);
  await probe(host, address);
  const { driver: after } = await readDevice(host, address);
  if (after === driver) return;
  throw new Fault(Code.ioFailure, notTaken(address, driver, after));
}

/**
 * Gives a device the driver back that it had, and any other from then on.
 *
 * @param driver "" for none
 * @param again also where it has that driver: its netdev is made anew, in the node's own namespace
 */
export async function giveBack(host: Host, address: string, driver: string, again = false): Promise<void> {
  const { driver: now } = await readDevice(host, address);
  const override = (name: string) => host.set(`${DEVICES}/${address}/driver_override`, name);
  if (now !== driver || again) {
    if (now !== "") await host.set(`${DRIVERS}/${now}/unbind`, address);
    if (driver !== "") {
      // Named, for the time of this: else a PF without `sriov_drivers_autoprobe` lets no driver have its VFs.
      await override(driver);
      await probe(host, address);
      const { driver: after } = await readDevice(host, address);
      if (after !== driver) throw new Fault(Code.ioFailure, notTaken(address, driver, after));
    }
  }
  await override("\n");
}

function notTaken(address: string, driver: string, after: string): string {
  return `${driver} does not take ${address}, which has ${after || "no driver"} now: the node's kernel log says why`;
}

/** The device, once it has a netdev here; without one where none comes. */
export async function withNetdev(host: Host, address: string): Promise<Device> {
  for (let waited = 0; ; waited += STEP) {
    const device = await readDevice(host, address);
    if (device.netdev !== "" || waited >= NETDEV_WITHIN) return device;
    await sleep(STEP);
  }
}

/** A device that no driver takes is no error here: the link says which has it. */
async function probe(host: Host, address: string): Promise<void> {
  await host.set("/sys/bus/pci/drivers_probe", address);
}
