// What the plugin answers to an ADD, and what a later CHECK gets of it as prevResult. Source: CNI spec 1.1.0, section 5.
import type { SriovCall } from "./call.ts";
import type { PciDevice } from "./device.ts";
import type { IpamResult } from "./ipam.ts";

/**
 * Makes the result of ADD, as JSON: one interface, and what IPAM has answered.
 *
 * @param device as it was before the ADD
 * @param found the MAC address that its netdev came with; "" if it has none
 */
export function resultText(
  { conf, core, parameters }: SriovCall,
  { address, netdev }: PciDevice,
  found: string,
  { ips, routes, dns }: IpamResult,
): string {
  const { cniVersion, mtu, settings } = conf;
  const mac = settings.mac ?? found;
  const result = JSON.stringify({
    cniVersion: "1.1.0",
    interfaces: [
      {
        name: parameters.ifname,
        ...(mac === "" ? {} : { mac }),
        ...(mtu !== undefined && netdev !== "" ? { mtu } : {}),
        sandbox: parameters.netns,
        pciID: address,
      },
    ],
    ...(ips ? { ips: ips.map((one) => ({ ...one, interface: 0 })) } : {}),
    ...(routes ? { routes } : {}),
    dns: dns ?? {},
  });
  return core.convert({ result, cniVersion });
}

/** The addresses of an interface in the prevResult of a conf, with their prefix lengths. */
export function addressesIn(stdin: string, ifname: string): string[] {
  const { prevResult } = JSON.parse(stdin) as {
    prevResult?: {
      interfaces?: { name?: string }[];
      ips?: { address?: string; interface?: number }[];
    };
  };
  return (prevResult?.ips ?? []).flatMap(({ address, interface: index }) =>
    address !== undefined && prevResult?.interfaces?.[index ?? -1]?.name === ifname ? [address] : [],
  );
}
