// An allocated VF goes to its container: behind a driver for user space, or as a netdev into the network namespace.
import { Code, Fault } from "../fault.ts";
import type { NetworkRequest } from "../host/host.ts";
import type { SriovCall } from "./call.ts";
import { isUserSpaceDriver, type PciDevice, readNetdev } from "./device.ts";
import { bind, NETDEV_WITHIN_MS, needsRebind, rebind, waitForNetdev } from "./driver.ts";
import type { Taken } from "./take.ts";
import { NO_MAC, setVf } from "./vf.ts";

/**
 * Sets the VF, binds it to its driver, and moves its netdev, which is down then, into the network namespace.
 *
 * @returns the MAC address that the netdev came with; that which its PF has set of it, if there is no netdev; "" for none
 */
export async function attachDevice(call: SriovCall, taken: Taken): Promise<string> {
  const { allocation, device, driver } = taken;
  if (!isUserSpaceDriver(driver)) return attachNetdev(call, taken);
  await call.allocations.requireHeld(allocation);
  await setVf(call, device, call.conf.settings);
  await bindIfOther(call, taken);
  const { mac = NO_MAC } = allocation.before;
  return mac === NO_MAC ? "" : mac;
}

/** Moves the netdev of a VF. */
async function attachNetdev(call: SriovCall, taken: Taken): Promise<string> {
  const { allocations, conf, host, parameters } = call;
  const { allocation, device, driver } = taken;
  const { ifname, netns } = parameters;
  await bindIfOther(call, taken);
  let netdev = await netdevOf(call, taken);
  const isRebound = needsRebind(driver, conf.settings);
  if (isRebound) {
    await allocations.requireHeld(allocation);
    await setVf(call, device, conf.settings, { before: [down(netdev)] });
    await rebind(host, device.address, driver, allocation.override ?? "");
    netdev = await netdevOf(call, taken);
  }
  const { mac } = await readNetdev(host, netdev);
  await allocations.requireHeld(allocation);
  await setVf(call, device, isRebound ? {} : conf.settings, {
    before: [down(netdev)],
    after: [{ change: "move", link: netdev, to: netns, name: ifname }],
  });
  for (const name of allocation.rdma) await host.moveRdma(name, netns);
  return mac;
}

async function bindIfOther(call: SriovCall, { allocation, device, driver }: Taken): Promise<void> {
  if (allocation.bound === undefined) return;
  await call.allocations.requireHeld(allocation);
  await bind(call.host, device, driver);
}

/** Waits for the netdev that the driver makes on the node; its name. Throws a Fault if none comes. */
async function netdevOf({ clock, host }: SriovCall, { device, driver }: Taken): Promise<string> {
  const { netdev } = await waitForNetdev(host, clock, device.address);
  if (netdev !== "") return netdev;
  throw new Fault(
    Code.ioFailure,
    `driver ${driver} made no netdev within ${NETDEV_WITHIN_MS} ms; the node's kernel log says why`,
  );
}

/** Writes the device-info, unless the device plugin has written it. Source: NPWG device-info spec 1.1.0. */
export async function writeDeviceInfo(
  { conf, deviceInfoFile, host }: SriovCall,
  { address, pf, rdma }: PciDevice,
): Promise<void> {
  const path = conf.deviceInfoFile ?? deviceInfoFile;
  if (path === undefined || (await host.exists(path))) return;
  const pci = {
    "pci-address": address,
    ...(pf ? { "pf-pci-address": pf.address } : {}),
    ...(rdma[0] === undefined ? {} : { "rdma-device": rdma[0] }),
  };
  await host.write(path, JSON.stringify({ type: "pci", version: "1.1.0", pci }));
}

function down(link: string): NetworkRequest {
  return { change: "link", link, set: { up: false } };
}
