// An allocated VF goes to its container: behind a driver for user space, or as a netdev with addresses into the network
// namespace.
import { Code, Fault } from "../fault.ts";
import type { SriovCall } from "./call.ts";
import { isUserSpaceDriver, type PciDevice, readNetdev } from "./device.ts";
import { bind, NETDEV_WITHIN_MS, needsRebind, rebind, waitForNetdev } from "./driver.ts";
import type { IpamResult } from "./ipam.ts";
import { moveRdma, runBatch } from "./iproute.ts";
import type { Taken } from "./take.ts";
import { settingLines } from "./vf.ts";

/**
 * Sets the VF, binds it to its driver, and moves its netdev, which is down then, into the network namespace.
 *
 * @returns the MAC address that the netdev came with; "" if there is no netdev
 */
export async function attachDevice(call: SriovCall, taken: Taken): Promise<string> {
  const { device, driver } = taken;
  const { pf, vf } = device;
  const settings =
    pf === undefined || vf === undefined ? [] : settingLines(pf.netdev, vf, call.conf.settings);
  if (!isUserSpaceDriver(driver)) return attachNetdev(call, taken, settings);
  await runBatch(call, settings);
  await bindIfOther(call, taken);
  return "";
}

/**
 * Moves the netdev of a VF.
 *
 * @param settings the lines that set the VF
 */
async function attachNetdev(call: SriovCall, taken: Taken, settings: string[]): Promise<string> {
  const { conf, host, parameters } = call;
  const { allocation, device, driver } = taken;
  const { ifname, netns } = parameters;
  await bindIfOther(call, taken);
  let netdev = await netdevOf(call, taken);
  const isRebound = needsRebind(driver, conf.settings);
  if (isRebound) {
    await runBatch(call, [`link set dev ${netdev} down`, ...settings]);
    await rebind(host, device.address, driver);
    netdev = await netdevOf(call, taken);
  }
  const { mac } = await readNetdev(host, netdev);
  await runBatch(call, [
    `link set dev ${netdev} down`,
    ...(isRebound ? [] : settings),
    `link set dev ${netdev} netns ${netns} name ${ifname}`,
  ]);
  for (const name of allocation.rdma) await moveRdma(call, name, netns);
  return mac;
}

async function bindIfOther({ host }: SriovCall, { allocation, device, driver }: Taken): Promise<void> {
  if (allocation.bound !== undefined) await bind(host, device, driver);
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
  const lines = [
    ...(isMacSet ? [] : [`link set dev ${ifname} address ${settings.mac}`]),
    ...(mtu === undefined ? [] : [`link set dev ${ifname} mtu ${mtu}`]),
    `link set dev ${ifname} up`,
    ...addressLines(ipam, ifname),
  ];
  await runBatch(call, lines, netns);
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

function addressLines({ ips = [], routes = [] }: IpamResult, ifname: string): string[] {
  const gatewayOf = (destination: string) => {
    const isV6 = destination.includes(":");
    return ips.find(({ address, gateway }) => gateway && address.includes(":") === isV6)?.gateway;
  };
  return [
    ...ips.map(
      ({ address }) => `address add ${address} dev ${ifname}${address.includes(":") ? " nodad" : ""}`,
    ),
    ...routes.map(({ dst, gw, mtu, advmss, priority, table, scope }) => {
      const via = gw ?? gatewayOf(dst);
      const words = Object.entries({ via, mtu, advmss, metric: priority, table, scope });
      const more = words.flatMap(([word, value]) => (value === undefined ? [] : ` ${word} ${value}`));
      return `route add ${dst} dev ${ifname}${more.join("")}`;
    }),
  ];
}
