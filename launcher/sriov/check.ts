// CHECK: is a device still as its ADD has left it, and as the conf has it?
import { Code, Fault } from "../fault.ts";
import type { Allocation } from "./allocation.ts";
import type { SriovCall } from "./call.ts";
import { isUserSpaceDriver, type PciDevice, readDevice } from "./device.ts";
import { delegateToIpam } from "./ipam.ts";
import { addressesIn } from "./result.ts";
import { differences, settingsIn } from "./vf.ts";

/** Throws a Fault that says all that is different. */
export async function check(call: SriovCall): Promise<void> {
  const { allocations, host, parameters } = call;
  const [allocation] = await allocations.ofOwner(parameters);
  if (!allocation) {
    throw new Fault(
      Code.unknownContainer,
      `container ${parameters.containerId} has no VF attached as ${parameters.ifname}; delete its pod, so that another is made`,
    );
  }
  const device = await readDevice(host, allocation.address);
  const driver = allocation.bound ?? allocation.driver;
  const wrong = [
    ...(device.driver === driver ? [] : [`its driver is ${device.driver || "none"}, not ${driver}`]),
    ...(await settingDifferences(call, device, allocation)),
    ...(isUserSpaceDriver(driver) ? [] : await netdevDifferences(call)),
  ];
  if (wrong.length > 0) {
    throw new Fault(
      Code.internal,
      `device ${allocation.address} has changed since it was attached: ${wrong.join("; ")}`,
    );
  }
  await delegateToIpam(call, "CHECK");
}

async function settingDifferences(
  call: SriovCall,
  { pf, vf }: PciDevice,
  { wanted }: Allocation,
): Promise<string[]> {
  if (pf === undefined || vf === undefined || Object.keys(wanted).length === 0) return [];
  return differences(wanted, settingsIn(await call.host.showLink(pf.netdev), vf));
}

async function netdevDifferences(call: SriovCall): Promise<string[]> {
  const { conf, parameters, stdin } = call;
  const { ifname, netns } = parameters;
  const { mtu, settings } = conf;
  const link = await call.host.showLink(ifname, netns);
  const has = new Set(link.addr_info?.map(({ local, prefixlen }) => `${local}/${prefixlen}`));
  const missing = addressesIn(stdin, ifname).filter((address) => !has.has(address));
  return [
    ...(link.flags.includes("UP") ? [] : [`${ifname} is down`]),
    ...(settings.mac === undefined || link.address === settings.mac
      ? []
      : [`${ifname} has MAC ${link.address}, not ${settings.mac}`]),
    ...(mtu === undefined || link.mtu === mtu ? [] : [`${ifname} has MTU ${link.mtu}, not ${mtu}`]),
    ...missing.map((address) => `${ifname} does not have ${address}`),
  ];
}
