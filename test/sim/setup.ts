// What a history plays on: how Plexus is run and configured, the node's networks and containers, and what each of them is to
// be attached to.

import { NICS, type Nic } from "./nics.ts";

/**
 * What kind of network: one plugin, or a chain of plugins; VFs, in the container or behind a
 * driver for user space; with a plugin that refuses its conf, for ADD and DEL alike.
 */
export type Kind = "bridge" | "macvlan" | "chain" | "vf" | "dpdk" | "refused" | "refused chain";

export interface NetworkSetup {
  name: string;
  kind: Kind;
  cniVersion: string;
}

export interface ContainerSetup {
  id: string;
  netns: string;
  /** The interface name that the runtime gives. */
  ifname: string;
  /** With Kubernetes: the networks that its pod selects, by their places in the setup. */
  selects: number[];
  /** With hot-plug: its pod's annotation at first, in the place of that. */
  annotation?: string;
  /** The network that its pod asks for in the place of the first. */
  defaultNetwork?: string;
  /** Does its pod say that it is in the node's network? Nothing is hot-plugged then. */
  hostNetwork?: boolean;
}

/** Who decides: the process that the runtime executes, or a resident one behind it; a daemon watches the API server. */
export const MODES = ["one-shot", "resident", "daemon"] as const;

export interface Setup {
  mode: (typeof MODES)[number];
  attach: "sequential" | "parallel";
  /** 0 for no limit. */
  delegateTimeoutSeconds: number;
  /** Are containers pods, which select their networks but the first? */
  kubernetes: boolean;
  /** Is there an executor beside the daemon? */
  hotPlug?: boolean;
  /** The NIC with VFs; without one, no network is of VFs, else one is. */
  nic?: Nic | undefined;
  networks: NetworkSetup[];
  containers: ContainerSetup[];
}

/** An interface that a container is to have. */
export interface Wanted {
  ifname: string;
  network: string;
}

const PLUGINS: Record<Kind, object[]> = {
  bridge: [{ type: "bridge", ipam: { type: "host-local" } }],
  macvlan: [{ type: "macvlan", ipam: { type: "host-local" } }],
  chain: [{ type: "bridge", ipam: { type: "host-local" } }, { type: "tuning" }, { type: "portmap" }],
  vf: [{ type: "sriov", vlan: 100, mac: "0a:58:00:00:00:01", mtu: 1400, ipam: { type: "host-local" } }],
  dpdk: [{ type: "sriov", vlan: 200, driver: "vfio-pci" }],
  refused: [{ type: "strict" }],
  "refused chain": [{ type: "bridge", ipam: { type: "host-local" } }, { type: "strict" }],
};

/** Does a network hand out VFs? */
export function isOfVfs({ kind }: NetworkSetup): boolean {
  return kind === "vf" || kind === "dpdk";
}

/**
 * Says which VF a container gets: with Kubernetes, which knows of devices, each its own; without it, all the one that is in
 * the conf.
 */
export function vfOf({ containers, kubernetes, nic = "ixgbe" }: Setup, { id }: ContainerSetup): string {
  const { vfs } = NICS[nic];
  return vfs[kubernetes ? containers.findIndex((one) => one.id === id) % vfs.length : 0] ?? "";
}

/** Do containers want the same VF? */
export function isVfShared(setup: Setup): boolean {
  if (setup.nic === undefined) return false;
  return new Set(setup.containers.map((container) => vfOf(setup, container))).size < setup.containers.length;
}

/** A network's conf, or conflist, as an object. */
export function confOf({ hotPlug, nic, kubernetes }: Setup, network: NetworkSetup): object {
  const { cniVersion, kind, name } = network;
  const deviceID = isOfVfs(network) && !kubernetes && nic ? { deviceID: NICS[nic].vfs[0] } : {};
  const capabilities = hotPlug ? { capabilities: { mac: true } } : {};
  const plugins = PLUGINS[kind].map((plugin) => ({ ...plugin, ...deviceID, ...capabilities }));
  return plugins.length === 1 ? { cniVersion, name, ...plugins[0] } : { cniVersion, name, plugins };
}

/** The networks that every container is attached to, the default one first. */
export function everyonesNetworks({ kubernetes, networks }: Setup): NetworkSetup[] {
  return kubernetes ? networks.slice(0, 1) : networks;
}

/** The annotation of a pod that selects these networks. */
export function annotationFor({ networks }: Setup, selects: number[]): string {
  return selects.map((index) => networks[index]?.name ?? "").join(", ");
}

/**
 * The interfaces of a container, in the order in which they are attached.
 *
 * @param annotation the pod's
 */
export function wantedOf(
  setup: Setup,
  { defaultNetwork, ifname }: ContainerSetup,
  annotation: string,
): Wanted[] {
  const networks: Element[] = everyonesNetworks(setup).map(({ name }, index) => ({
    name: (index === 0 ? defaultNetwork : undefined) ?? name,
  }));
  const asked = setup.kubernetes ? elementsOf(annotation) : [];
  return [...networks, ...(asked ?? [])].map((one, index) => ({
    ifname: one.interface ?? (index === 0 ? ifname : `net${index}`),
    network: one.name,
  }));
}

/** An element of an annotation. */
export interface Element {
  name: string;
  interface?: string;
  mac?: string;
  "cni-args"?: { colour?: string };
}

/** The elements of an annotation; undefined if it is invalid. */
export function elementsOf(annotation: string): Element[] | undefined {
  const names = annotation.split(", ").filter((name) => name !== "");
  if (!annotation.startsWith("["))
    return names.some((name) => name.includes("/")) ? undefined : names.map((name) => ({ name }));
  try {
    const elements = JSON.parse(annotation) as (Element & { ips?: unknown })[];
    const isOdd = elements.some(({ ips, mac }) => ips !== undefined || typeof (mac ?? "") !== "string");
    return isOdd ? undefined : elements;
  } catch {
    return undefined;
  }
}

/** A container's pod. */
export function podName({ id }: ContainerSetup): string {
  return `pod-${id}`;
}

/** Two containers with one network: for histories that are written by hand. */
export const PLAIN: Setup = {
  mode: "one-shot",
  attach: "sequential",
  delegateTimeoutSeconds: 0,
  kubernetes: false,
  networks: [{ name: "a", kind: "bridge", cniVersion: "1.1.0" }],
  containers: [
    { id: "c1", netns: "/run/netns/n1", ifname: "eth0", selects: [] },
    { id: "c2", netns: "/run/netns/n2", ifname: "eth0", selects: [] },
  ],
};
