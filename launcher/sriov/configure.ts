// The netdev in its container: MAC address, MTU, addresses and routes as the reference plugins set them, and then it is made
// known to the neighbours. Source: containernetworking/plugins pkg/ipam/ipam_linux.go (ConfigureIface); sriov-cni
// pkg/cnicommands/cni.go and pkg/utils/packet.go.
//
// The announcements are the kernel's own: with `arp_notify` and `ndisc_notify` it sends a gratuitous ARP and an unsolicited
// neighbour advertisement for every address of a link that goes up, or whose MAC address is set, be it to the same one.
import { Code, Fault } from "../fault.ts";
import type { Link, NetworkRequest, Sysctls } from "../host/host.ts";
import type { SriovCall } from "./call.ts";
import { isUserSpaceDriver } from "./device.ts";
import type { IpamResult } from "./ipam.ts";
import type { Taken } from "./take.ts";
import { setMac } from "./vf.ts";

/** Duplicate address detection takes a second if nobody has the address. */
const SETTLED_WITHIN_MS = 5000;
const SETTLE_STEP_MS = 50;
/** Many links have their carrier a moment after they were set up. */
const CARRIER_WITHIN_MS = 200;
const CARRIER_STEP_MS = 20;

/**
 * Gives the netdev in the network namespace its MAC address, MTU, addresses and routes, and sets it up. Behind a driver for
 * user space there is no netdev, and nothing to do.
 *
 * @param mac that it came with
 */
export async function configureNetdev(
  call: SriovCall,
  { driver }: Taken,
  mac: string,
  { ips = [], routes = [] }: IpamResult,
): Promise<void> {
  if (isUserSpaceDriver(driver)) return;
  const { conf, host } = call;
  const { ifname: link, netns } = call.parameters;
  const own = conf.settings.mac ?? mac;
  const isV6 = ips.some(({ address }) => address.includes(":"));
  await switchOn(call, isV6);
  if (own !== mac) await setMac(call, netns, link, own);
  const mtu: NetworkRequest[] =
    conf.mtu === undefined ? [] : [{ change: "link", link, set: { mtu: conf.mtu } }];
  // Before it goes up, so that going up announces them.
  const addresses = ips.map(
    ({ address }): NetworkRequest => ({ change: "address", link, address, nodad: false }),
  );
  const up: NetworkRequest = { change: "link", link, set: { up: true } };
  const reached = routeRequests({ ips, routes }, link);
  const isSettled = !ips.some(({ gateway }) => gateway?.includes(":"));
  await host.configure({ netns, requests: [...mtu, ...addresses, up, ...(isSettled ? reached : [])] });
  if (!isSettled) {
    await settle(call);
    await host.configure({ netns, requests: reached });
  }
  if (ips.length > 0) await announce(call, own);
}

/** What sriov-cni and ConfigureIface switch on. A kernel without IPv6 does not know some of these. */
async function switchOn({ host, log, parameters }: SriovCall, isV6: boolean): Promise<void> {
  const { ifname, netns } = parameters;
  const always: Sysctls = { arp_notify: 1, ndisc_notify: 1, optimistic_dad: 1 };
  const v6: Sysctls = { disable_ipv6: 0, keep_addr_on_down: 1 };
  const goOn = (error: unknown) => log(`${Fault.of(error).message}; it goes on without`);
  if (isV6) await host.sysctl(netns, "lo", { disable_ipv6: 0 }).catch(goOn);
  await host.sysctl(netns, ifname, isV6 ? { ...always, ...v6 } : always).catch(goOn);
}

/**
 * Waits until no address is tentative any more. Throws a Fault if another one has an address; or if detection does not end,
 * although there is a carrier.
 */
async function settle({ clock, host, parameters }: SriovCall): Promise<void> {
  const { ifname, netns } = parameters;
  const endMs = clock.now() + SETTLED_WITHIN_MS;
  for (;;) {
    const { addr_info: all = [], operstate } = await host.showLink(ifname, netns);
    const taken = all.find(({ dadfailed }) => dadfailed === true);
    if (taken) {
      throw new Fault(
        Code.tryAgainLater,
        `address ${taken.local} is in use on the network of ${ifname}: duplicate address detection has found another one who ` +
          "has it; free it there, or exclude it in `ipam`",
      );
    }
    if (!all.some(({ tentative }) => tentative === true)) return;
    if (clock.now() >= endMs) {
      if (operstate !== "UP") return;
      throw new Fault(
        Code.tryAgainLater,
        `duplicate address detection on ${ifname} has not ended within ${SETTLED_WITHIN_MS} ms; try again later`,
      );
    }
    await clock.sleep(SETTLE_STEP_MS);
  }
}

function routeRequests({ ips = [], routes = [] }: IpamResult, link: string): NetworkRequest[] {
  const gatewayOf = (destination: string) => {
    const isV6 = destination.includes(":");
    return ips.find(({ address, gateway }) => gateway && address.includes(":") === isV6)?.gateway;
  };
  // Appended: eth0 may have a route to the same destination, which stays the first.
  return routes.map(({ dst, gw, mtu, advmss, priority, table, scope }) => {
    const options = { via: gw ?? gatewayOf(dst), mtu, advmss, metric: priority, table, scope };
    return { change: "route", how: "append", link, destination: dst, options };
  });
}

/** Once there is a carrier, or there is none for a moment. Neighbours learn without it too, but later. */
async function announce({ clock, host, log, parameters }: SriovCall, mac: string): Promise<void> {
  const { ifname: link, netns } = parameters;
  try {
    const endMs = clock.now() + CARRIER_WITHIN_MS;
    while (!hasCarrier(await host.showLink(link, netns)) && clock.now() < endMs)
      await clock.sleep(CARRIER_STEP_MS);
    await host.configure({ netns, requests: [{ change: "link", link, set: { address: mac } }] });
  } catch (error) {
    log(`the addresses of ${link} are not announced: ${Fault.of(error).message}`);
  }
}

function hasCarrier({ flags }: Link): boolean {
  return flags.includes("LOWER_UP");
}
