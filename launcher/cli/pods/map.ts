// What a map of networks shows: pods in groups, each with its ports, and the networks that these lead to. Pure.
import { counted } from "../../log/counted.ts";
import type { Failure } from "./failures.ts";
import type { Gathered } from "./gather.ts";
import { deviceText } from "./print.ts";
import type { PodNetworks } from "./status.ts";

export interface MapPort {
  ifname: string;
  /** Of `networks`. */
  rail: number;
  addresses: string[];
  mac: string;
  device: string;
  /** False: the pod has asked for it, and has not got it. */
  isAttached: boolean;
}

export interface MapPod {
  name: string;
  ports: MapPort[];
  /** Why it is not attached, or not as it asked. */
  failure: string | undefined;
}

interface MapNetwork {
  name: string;
  /** Of interfaces. */
  count: number;
}

export interface NetworkMap {
  /** What it is of: `namespace`, `node`, `cluster`. */
  kind: string;
  name: string;
  /** Of interfaces in it. */
  count: number;
  podCount: number;
  networks: MapNetwork[];
  /** By node, or by namespace. */
  groups: { kind: string; name: string; pods: MapPod[] }[];
  /** What it does not show. */
  notes: string[];
}

/** What somebody can look at, and a browser draws at once. */
const MOST_PODS = 400;
const MOST_NETWORKS = 48;
const MOST_PORTS = 32;

/**
 * Makes a map.
 *
 * @param by what pods are grouped by
 */
export function mapOf(
  { pods: all, failures }: Gathered,
  { kind, name, by }: { kind: string; name: string; by: "node" | "namespace" },
): NetworkMap {
  const pods = all.slice(0, MOST_PODS);
  const networks = railsOf(pods);
  const rails = new Map(networks.map((network, index) => [network.name, index]));
  const failed = new Map(failures.map((failure) => [failure.uid, failure])); // the last one of each
  const groups = new Map<string, MapPod[]>();
  for (const pod of pods) {
    const group = pod[by] || "no node yet";
    const drawn = podOf(pod, rails, failed.get(pod.uid), by === "node" && kind !== "namespace");
    groups.set(group, [...(groups.get(group) ?? []), drawn]);
  }
  const sorted = [...groups].sort(([one], [other]) => one.localeCompare(other, "en", { numeric: true }));
  const drawn = sorted.flatMap(([, members]) => members.flatMap(({ ports }) => ports));
  const [interfaces, shown] = [countOf(all), drawn.filter(({ isAttached }) => isAttached).length];
  return {
    kind,
    name,
    count: interfaces,
    podCount: all.length,
    networks,
    groups: sorted.map(([group, members]) => ({ kind: by, name: group, pods: members })),
    notes: [
      ...(all.length > pods.length
        ? [`${counted(all.length - pods.length, "more pod is", "more pods are")} not drawn`]
        : []),
      ...(shown < countOf(pods) ? [`${countOf(pods) - shown} more interfaces are not drawn`] : []),
    ],
  };
}

function countOf(pods: readonly PodNetworks[]): number {
  return pods.reduce((sum, { interfaces }) => sum + interfaces.length, 0);
}

/** The networks, the default one first, then by how many interfaces they have. */
function railsOf(pods: readonly PodNetworks[]): MapNetwork[] {
  const rails = new Map<string, { count: number; defaults: number }>();
  const rail = (name: string) => {
    const known = rails.get(name) ?? { count: 0, defaults: 0 };
    rails.set(name, known);
    return known;
  };
  for (const { interfaces, asked } of pods) {
    for (const { network, isDefault } of interfaces) {
      const known = rail(network);
      known.count++;
      if (isDefault) known.defaults++;
    }
    for (const network of asked) rail(network);
  }
  return [...rails]
    .map(([name, { count, defaults }]) => ({ name, count, isFirst: defaults * 2 > count }))
    .sort(
      (one, other) =>
        Number(other.isFirst) - Number(one.isFirst) ||
        other.count - one.count ||
        (one.name < other.name ? -1 : 1),
    )
    .slice(0, MOST_NETWORKS)
    .map(({ name, count }) => ({ name, count }));
}

function podOf(
  { namespace, name, interfaces, asked }: PodNetworks,
  rails: ReadonlyMap<string, number>,
  failure: Failure | undefined,
  withNamespace: boolean,
): MapPod {
  const attached = interfaces.flatMap(({ ifname, network, ips, mac, device }) => {
    const rail = rails.get(network);
    if (rail === undefined) return [];
    return [
      { ifname: ifname || "-", rail, addresses: ips, mac, device: deviceText(device), isAttached: true },
    ];
  });
  const missing = asked.flatMap((network) => {
    const rail = rails.get(network);
    return rail === undefined
      ? []
      : [{ ifname: "-", rail, addresses: [], mac: "", device: "", isAttached: false }];
  });
  return {
    name: withNamespace ? `${namespace}/${name}` : name,
    ports: [...attached, ...missing].slice(0, MOST_PORTS),
    // Plexus begins with the pod, which the card says.
    failure: failure && `${failure.reason}: ${failure.message.replace(`pod ${namespace}/${name}: `, "")}`,
  };
}
