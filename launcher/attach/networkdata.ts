// What a network has made of a device, in the words of a ResourceClaim's status. Source: KEP-4817; CNI spec 1.0.0, section 5.
import type { NetworkData } from "../cluster/cluster.ts";

interface Result {
  interfaces?: { name?: string; mac?: string; sandbox?: string }[];
  ips?: { address: string; interface?: number }[];
}

/**
 * Returns the pod's interface in a result, with its addresses; less of it, or nothing, if the device has become none, as for user
 * space.
 *
 * @param ifname that was asked for
 * @param result in version 1.0.0
 */
export function networkDataOf(ifname: string, result: string): NetworkData {
  const { interfaces = [], ips = [] } = JSON.parse(result) as Result;
  const inside = interfaces.flatMap((one, index) => (one.sandbox ? [{ ...one, index }] : []));
  const own = inside.find(({ name }) => name === ifname) ?? inside.at(-1);
  const addresses = ips
    .filter((one) => one.interface === undefined || one.interface === own?.index)
    .map(({ address }) => address);
  return {
    ...(own?.name ? { interfaceName: own.name } : {}),
    ...(addresses.length > 0 ? { ips: addresses } : {}),
    ...(own?.mac ? { hardwareAddress: own.mac } : {}),
  };
}
