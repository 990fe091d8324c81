// Which of a pod's devices each of its networks gets. Source: NPWG NAD spec v1.3, section 3.4; the order is Multus's.

import type { Network } from "../../packages/core/index.ts";
import type { Cluster, Pod } from "../cluster/cluster.ts";
import type { Host } from "../host/host.ts";
import type { Log } from "../log/log.ts";
import { claimedDevices } from "./claims.ts";
import { type Kubelet, podResources } from "./kubelet.ts";

/** Where a network has its resource: as a symbol it is not in the core's document, which has no such member. */
export const RESOURCE = Symbol("resource");

/** A network, with the resource that its pods' devices come from, if any. */
export type ResourceNetwork = Network & { [RESOURCE]?: string };

interface Ports {
  host: Host;
  cluster?: Cluster | undefined;
  log: Pick<Log, "write">;
}

/**
 * Hands a pod's devices out to those of its networks that name a resource: of each resource the first network gets the
 * first device, by the order of their IDs. If none is left for a network, it gets none, and its plugin decides.
 *
 * Rejects with a Fault if kubelet or API server do not say which devices the pod has.
 */
export async function withDevices(
  networks: ResourceNetwork[],
  pod: Pod,
  ports: Ports,
  kubelet: Kubelet,
): Promise<ResourceNetwork[]> {
  if (!networks.some((network) => network[RESOURCE])) return networks;
  const devices = await podDevices(pod, ports, kubelet);
  return networks.map((network) => {
    const resourceName = network[RESOURCE];
    if (!resourceName) return network;
    const id = devices.get(resourceName)?.shift();
    if (id !== undefined) return { ...network, device: { id, resourceName } };
    ports.log.write(
      "error",
      `network ${network.name ?? network.source} gets no device: pod ${pod.namespace}/${pod.name} has none of ` +
        `${resourceName} left; request as many in the pod's resources as it has networks`,
    );
    return network;
  });
}

/** Resource name -> device IDs, sorted: those of device plugins and those of ResourceClaims together. */
async function podDevices(
  pod: Pod,
  { host, cluster, log }: Ports,
  kubelet: Kubelet,
): Promise<Map<string, string[]>> {
  const given = await podResources(host, pod, kubelet);
  const devices = new Map(given.devices);
  if (cluster && (pod.resourceClaims.size > 0 || pod.extendedResourceClaim)) {
    for (const [resourceName, ids] of await claimedDevices(cluster, pod, given, log)) {
      devices.set(resourceName, [...(devices.get(resourceName) ?? []), ...ids]);
    }
  }
  for (const ids of devices.values()) ids.sort();
  log.write("debug", `devices of pod ${pod.namespace}/${pod.name}: ${JSON.stringify([...devices])}`);
  return devices;
}
