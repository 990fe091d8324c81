// A VF comes back as it was: its settings, its driver, and its netdev with name, MAC address, MTU and state. It may be in any
// state in which an ADD, or a restore that was killed, has left it.
import { Code, Fault } from "../fault.ts";
import type { NetworkRequest } from "../host/host.ts";
import type { Allocation } from "./allocation.ts";
import { requireAllowed } from "./allowed.ts";
import type { SriovCall } from "./call.ts";
import type { VfSettings } from "./conf.ts";
import { DEVICES_DIR, isNetdev, type Netdev, type PciDevice, readDevice, readNetdev } from "./device.ts";
import { needsRebind, override, readOverride, rebind, waitForNetdev } from "./driver.ts";
import { locked } from "./lock.ts";
import { changed, setMac, settingsIn, setVf } from "./vf.ts";

/**
 * Gives devices back, one after the other, past every fault; returns the faults. A device that could not be given back
 * stays allocated, for the next try. One that the node has no longer is just released. One that another call has given back
 * meanwhile, and perhaps taken, is left alone.
 */
export async function restoreAll(call: SriovCall, allocations: readonly Allocation[]): Promise<Fault[]> {
  const faults: Fault[] = [];
  for (const allocation of allocations) {
    try {
      await locked(call, allocation.address, () => restore(call, allocation));
    } catch (error) {
      faults.push(Fault.of(error).during(`device ${allocation.address} cannot be given back`));
    }
  }
  return faults;
}

/** The same for one device, whose lock the call has. Throws a Fault. */
export async function restore(call: SriovCall, allocation: Allocation): Promise<void> {
  if (!(await call.allocations.isHeld(allocation))) return;
  if (await call.host.exists(`${DEVICES_DIR}/${allocation.address}`)) await restoreDevice(call, allocation);
  await call.allocations.release(allocation);
}

async function restoreDevice(call: SriovCall, allocation: Allocation): Promise<void> {
  const { allocations, host } = call;
  const { address, override: before = "" } = allocation;
  await restoreFunction(call, allocation);
  await allocations.requireHeld(allocation);
  if ((await readOverride(host, address)) !== before) await override(host, address, before);
}

/** The VF's settings, its driver and its netdev. */
async function restoreFunction(call: SriovCall, allocation: Allocation): Promise<void> {
  const { address, bound, driver, netdev, netns } = allocation;
  const found = await readDevice(call.host, address);
  await requireAllowed(call.host, found, undefined);
  const settings = await settingsToRestore(call, found, allocation);
  const isRebound = bound !== undefined || needsRebind(driver, settings);
  await call.allocations.requireHeld(allocation);
  if (isRebound) await setVf(call, found, settings);
  const device = isRebound ? await takeAnew(call, allocation) : await bringBack(call, allocation);
  const left = isRebound ? {} : settings;
  if (netdev === undefined) return setVf(call, found, left);
  const { netdev: now } = device;
  if (now === "") {
    throw new Fault(
      Code.tryAgainLater,
      `its netdev came back neither from the network namespace ${netns} nor from driver ${driver}; the next DEL tries again`,
    );
  }
  await call.allocations.requireHeld(allocation);
  const before: NetworkRequest[] = [{ change: "link", link: now, set: { up: false } }];
  const isMacKept = left.mac === undefined && (await hasMac(call, now, netdev));
  if (isMacKept) return setVf(call, found, left, { before, after: await netdevRequests(call, now, netdev) });
  await setVf(call, found, left, { before });
  if (netdev.mac !== undefined && !(await hasMac(call, now, netdev))) await setMac(call, "", now, netdev.mac);
  await call.host.configure({ netns: "", requests: await netdevRequests(call, now, netdev) });
}

/** Picks those of the VF's settings from before that are not so any more. */
async function settingsToRestore(
  call: SriovCall,
  { pf, vf }: PciDevice,
  { before }: Allocation,
): Promise<VfSettings> {
  if (Object.keys(before).length === 0) return {};
  if (pf === undefined || pf.netdev === "" || vf === undefined) return {};
  return changed(before, settingsIn(await call.host.showLink(pf.netdev), vf));
}

/** Gets the netdev back to the node, from a driver that still has the device. */
async function bringBack(call: SriovCall, allocation: Allocation): Promise<PciDevice> {
  const { clock, host } = call;
  const { address, netdev, netns } = allocation;
  const device = await readDevice(host, address);
  if (netdev === undefined || device.netdev !== "") return device;
  if (netns !== "" && (await host.exists(netns))) await moveBack(call, allocation, netdev);
  // From a namespace that is gone the kernel brings it by itself; if it does not, the driver makes it anew.
  const back = await waitForNetdev(host, clock, address);
  return back.netdev === "" ? takeAnew(call, allocation) : back;
}

/** Lets the driver that the device had take it anew, and waits for its netdev if it had one. */
async function takeAnew({ allocations, clock, host }: SriovCall, allocation: Allocation): Promise<PciDevice> {
  const { address, driver, netdev, override: before = "" } = allocation;
  await allocations.requireHeld(allocation);
  await rebind(host, address, driver, before);
  return netdev === undefined ? readDevice(host, address) : waitForNetdev(host, clock, address);
}

/** Moves the netdev out of the network namespace; if it is not there under its name, its driver makes it anew. */
async function moveBack(
  call: SriovCall,
  allocation: Allocation,
  { name }: Pick<Netdev, "name">,
): Promise<void> {
  const { host, log } = call;
  const { address, driver, ifname, netns, override: before = "", rdma } = allocation;
  const goOn = (error: unknown) => {
    log(`${Fault.of(error).message}; device ${address} is given back another way`);
    return false;
  };
  await call.allocations.requireHeld(allocation);
  const free = (await isNetdev(host, name)) ? `plx${address.replaceAll(/[:.]/g, "")}` : name;
  for (const one of rdma) await host.moveRdma(one, "", netns).catch(goOn);
  const requests: NetworkRequest[] = [
    { change: "link", link: ifname, set: { up: false } },
    { change: "move", link: ifname, to: "", name: free },
  ];
  const isMoved = (await isOwnLink(call, allocation).catch(goOn))
    ? await host.configure({ netns, requests }).then(() => true, goOn)
    : false;
  if (!isMoved) await rebind(host, address, driver, before);
}

/** Is the link in the container, under the name that it was given, this device's? The container may have made another one. */
async function isOwnLink({ host, log }: SriovCall, { address, ifname, netns }: Allocation): Promise<boolean> {
  const { linkinfo, parentdev } = await host.showLink(ifname, netns);
  // Before Linux 5.14 or iproute2 5.14 no device is shown; but a link that is not one of hardware has a kind.
  const isOwn = parentdev === undefined ? linkinfo?.info_kind === undefined : parentdev === address;
  if (!isOwn) log(`${ifname} in ${netns} is not the netdev of ${address}, and stays there`);
  return isOwn;
}

type NetdevBefore = NonNullable<Allocation["netdev"]>;

/** Has a netdev the MAC address that it had, if that is known? */
async function hasMac({ host }: SriovCall, now: string, { mac }: NetdevBefore): Promise<boolean> {
  return mac === undefined || (await readNetdev(host, now)).mac === mac;
}

/**
 * Makes the requests that give a netdev its name, MTU and state back. Its name is left if another netdev has the one from
 * before.
 */
async function netdevRequests(
  { host }: SriovCall,
  now: string,
  before: NetdevBefore,
): Promise<NetworkRequest[]> {
  const isFree = now === before.name || !(await isNetdev(host, before.name));
  const name = isFree ? before.name : now;
  const { mtu } = await readNetdev(host, now);
  const sets = [
    ...(before.mtu === undefined || mtu === before.mtu ? [] : [{ mtu: before.mtu }]),
    ...(before.up ? [{ up: true }] : []),
  ];
  return [
    ...(name === now ? [] : [{ change: "link", link: now, set: { name } } as const]),
    ...sets.map((set): NetworkRequest => ({ change: "link", link: name, set })),
  ];
}
