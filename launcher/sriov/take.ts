// Who may have a VF. Before the VF is touched, its allocation is written, with all that it takes to give the VF back.
import { Code, Fault } from "../fault.ts";
import type { Host } from "../host/host.ts";
import type { Allocation } from "./allocation.ts";
import { requireAllowed } from "./allowed.ts";
import type { SriovCall } from "./call.ts";
import { isNoDriver, isUserSpaceDriver, type PciDevice, readDevice, readNetdev } from "./device.ts";
import { readOverride, requireDriver } from "./driver.ts";
import { predecessorsNetns } from "./predecessor.ts";
import { restore, restoreAll } from "./restore.ts";
import { affectedBy, settingsIn } from "./vf.ts";

/** "N" if an RDMA device is in one network namespace, "Y" if it is in all. */
const RDMA_SHARED = "/sys/module/ib_core/parameters/netns_mode";

/** A device that is allocated to this attachment. */
export interface Taken {
  /** As it was found. */
  device: PciDevice;
  /** The driver for the attachment; the device may still have another one. */
  driver: string;
  allocation: Allocation;
}

const IN_THE_WAY = "an earlier attachment stands in the way";

/** Gives back the devices that an earlier ADD of this attachment has left. */
export async function clearOwn(call: SriovCall): Promise<void> {
  const [fault] = await restoreAll(call, await call.allocations.ofOwner(call.parameters));
  if (fault) throw fault.during(IN_THE_WAY);
}

/**
 * Gives the conf's device back, whose lock the call has, if the network namespace of its owner is gone. Throws a Fault if
 * another container has it.
 */
export async function clearOther(call: SriovCall): Promise<void> {
  const { allocations, conf, host, log } = call;
  const other = await allocations.of(conf.address);
  if (other === undefined) return requireNotPredecessors(host, conf.address);
  if (await host.exists(other.netns)) throw inUse(other);
  log(
    `device ${other.address} is taken back from container ${other.containerId}: the container's network namespace is gone`,
  );
  await restore(call, other).catch((error: unknown) => {
    throw Fault.of(error).during(`${IN_THE_WAY}: device ${other.address} cannot be given back`);
  });
}

async function requireNotPredecessors(host: Host, address: string): Promise<void> {
  const netns = await predecessorsNetns(host, address);
  if (netns === undefined || !(await host.exists(netns))) return;
  throw new Fault(
    Code.tryAgainLater,
    `device ${address} is in use: sriov-cni has attached it in ${netns}; it becomes free when that container is deleted`,
  );
}

/** Takes the conf's device. Throws a Fault if this attachment cannot have it, and then nothing is changed. */
export async function take(call: SriovCall): Promise<Taken> {
  const { allocations, conf, host } = call;
  const device = await readDevice(host, conf.address);
  await requireAllowed(host, device, conf.allowDevices);
  const driver = conf.driver ?? device.driver;
  if (driver !== device.driver) await requireDriver(host, device, driver);
  requireAttachable(device, driver);
  const allocation = await describe(call, device, driver);
  if (await allocations.take(allocation)) return { device, driver, allocation };
  throw new Fault(
    Code.tryAgainLater,
    `device ${device.address} is in use: another ADD has just taken it; use another VF, or try again later`,
  );
}

/** Describes who is going to have the device, and how the device is now. */
async function describe(call: SriovCall, device: PciDevice, driver: string): Promise<Allocation> {
  const { conf, host, parameters } = call;
  const { containerId, ifname, netns } = parameters;
  const isRdmaMoved = !isUserSpaceDriver(driver) && (await host.read(RDMA_SHARED))?.trim() === "N";
  return {
    address: device.address,
    containerId,
    ifname,
    netns,
    network: conf.name,
    driver: device.driver,
    override: await readOverride(host, device.address),
    ...(driver === device.driver ? {} : { bound: driver }),
    ...(device.netdev === "" ? {} : { netdev: await readNetdev(host, device.netdev) }),
    wanted: conf.settings,
    ...(await settingsBefore(call, device)),
    rdma: isRdmaMoved ? device.rdma : [],
  };
}

/**
 * Reads those settings of the VF that the conf is going to change, and its MAC address, which the application may change.
 * Throws a Fault if the conf has settings, and the VF cannot be set.
 */
async function settingsBefore(
  call: SriovCall,
  device: PciDevice,
): Promise<Pick<Allocation, "pf" | "vf" | "before">> {
  const { settings } = call.conf;
  const { address, pf, vf } = device;
  if (Object.keys(settings).length === 0) return macBefore(call, device);
  const what = `device ${address} cannot be given vlan, mac, spoofchk, trust, link_state and rates`;
  if (pf === undefined || vf === undefined) {
    throw new Fault(
      Code.invalidNetworkConfig,
      `${what}: it is not a VF; leave them out, or use the address of a VF`,
    );
  }
  if (pf.netdev === "") {
    throw new Fault(
      Code.invalidNetworkConfig,
      `${what}: its PF ${pf.address} has no netdev; leave them out, or give the PF its kernel driver`,
    );
  }
  const all = settingsIn(await call.host.showLink(pf.netdev), vf);
  return { pf: pf.netdev, vf, before: { ...affectedBy(settings, all), mac: all.mac } };
}

/** Without settings, a PF that does not say its VF's MAC address is not needed. */
async function macBefore(
  { host, log }: SriovCall,
  { pf, vf }: PciDevice,
): Promise<Pick<Allocation, "pf" | "vf" | "before">> {
  if (pf === undefined || pf.netdev === "" || vf === undefined) return { before: {} };
  try {
    const { mac } = settingsIn(await host.showLink(pf.netdev), vf);
    return { pf: pf.netdev, vf, before: { mac } };
  } catch (error) {
    const { code, message } = Fault.of(error);
    if (code !== Code.ioFailure) throw error;
    log(`the MAC address that ${pf.netdev} has set of VF ${vf} is not known: ${message}`);
    return { before: {} };
  }
}

function requireAttachable({ address, driver: now, isNetwork, netdev }: PciDevice, driver: string): void {
  if (driver === "") {
    throw new Fault(
      Code.invalidNetworkConfig,
      `device ${address} has no driver; load the driver of the NIC's VFs, or set \`driver\` to the one to bind it to`,
    );
  }
  if (netdev !== "" || !isNetwork || isNoDriver(now) || isUserSpaceDriver(now)) return;
  throw new Fault(
    Code.tryAgainLater,
    `device ${address} has driver ${now} but no netdev in the node's network namespace: something else has it; ` +
      "use another VF, or free this one",
  );
}

function inUse({ address, containerId, ifname, network }: Allocation): Fault {
  return new Fault(
    Code.tryAgainLater,
    `device ${address} is in use: container ${containerId} has it as ${ifname} in network ${network}; ` +
      "it becomes free when that container is deleted",
  );
}
