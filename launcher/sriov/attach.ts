// An allocated VF goes to its container: behind a driver for user space, or as a netdev with addresses into the network
// namespace.
import { Code, Fault } from "../fault.ts";
import type { NetworkRequest } from "../host/host.ts";
import type { SriovCall } from "./call.ts";
import { isUserSpaceDriver, type PciDevice, readNetdev } from "./device.ts";
import { bind, NETDEV_WITHIN_MS, needsRebind, rebind, waitForNetdev } from "./driver.ts";
import type { IpamResult } from "./ipam.ts";
import type { Taken } from "./take.ts";
import { settingRequests } from "./vf.ts";

/**
 * Sets the VF, binds it to its driver, and moves its netdev, which is down then, into the network namespace.
 *
 * @returns the MAC address that the netdev came with; "" if there is no netdev
 */
export async function attachDevice(call: SriovCall, taken: Taken): Promise<string> {
  const { device, driver } = taken;
  const { pf, vf } = device;
  const settings =
    pf === undefined || vf === undefined ? [] : settingRequests(pf.netdev, vf, call.conf.settings);
  if (!isUserSpaceDriver(driver)) return attachNetdev(call, taken, settings);
  await call.allocations.requireHeld(taken.allocation);
  await call.host.configure({ netns: "", requests: settings });
  await bindIfOther(call, taken);
  return "";
}

/**
 * Moves the netdev of a VF.
 *
 * @param settings the requests that set the VF
 */
async function attachNetdev(call: SriovCall, taken: Taken, settings: NetworkRequest[]): Promise<string> {
  const { allocations, conf, host, parameters } = call;
  const { allocation, device, driver } = taken;
  const { ifname, netns } = parameters;
  await bindIfOther(call, taken);
  let netdev = await netdevOf(call, taken);
  const isRebound = needsRebind(driver, conf.settings);
  if (isRebound) {
    await allocations.requireHeld(allocation);
    await host.configure({ netns: "", requests: [down(netdev), ...settings] });
    await rebind(host, device.address, driver, allocation.override ?? "");
    netdev = await netdevOf(call, taken);
  }
  const { mac } = await readNetdev(host, netdev);
  await allocations.requireHeld(allocation);
  await host.configure({
    netns: "",
    requests: [
      down(netdev),
      ...(isRebound ? [] : settings),
      { change: "move", link: netdev, to: netns, name: ifname },
    ],
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

/**
 * Gives the netdev in the network namespace its MAC address, MTU, addresses and routes, and sets it up. Behind a driver
 * for user space there is no netdev, and nothing to do.
 *
 * @param mac that it came with
 */
export async function configureNetdev(
  call: SriovCall,
  { driver }: Taken,
  mac: string,
  ipam: IpamResult,
): Promise<void> {
  if (isUserSpaceDriver(driver)) return;
  const { mtu, settings } = call.conf;
  const { ifname, netns } = call.parameters;
  const isMacSet = settings.mac === undefined || settings.mac === mac;
  const sets = [
    ...(isMacSet || settings.mac === undefined ? [] : [{ address: settings.mac }]),
    ...(mtu === undefined ? [] : [{ mtu }]),
    { up: true },
  ];
  const requests = sets.map((set): NetworkRequest => ({ change: "link", link: ifname, set }));
  await call.host.configure({ netns, requests: [...requests, ...addressRequests(ipam, ifname)] });
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

function addressRequests({ ips = [], routes = [] }: IpamResult, link: string): NetworkRequest[] {
  const gatewayOf = (destination: string) => {
    const isV6 = destination.includes(":");
    return ips.find(({ address, gateway }) => gateway && address.includes(":") === isV6)?.gateway;
  };
  return [
    ...ips.map(
      ({ address }): NetworkRequest => ({ change: "address", link, address, nodad: address.includes(":") }),
    ),
    ...routes.map(({ dst, gw, mtu, advmss, priority, table, scope }): NetworkRequest => {
      const options = { via: gw ?? gatewayOf(dst), mtu, advmss, metric: priority, table, scope };
      return { change: "route", how: "add", link, destination: dst, options };
    }),
  ];
}
