// What a history plays on: how Plexus is run and configured, the node's networks and containers, and what each of them is to
// be attached to.

/** What kind of network: one plugin, or a chain of plugins; with a plugin that refuses its conf, for ADD and DEL alike. */
export const KINDS = ["bridge", "macvlan", "chain", "refused", "refused chain"] as const;
export type Kind = (typeof KINDS)[number];

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
  refused: [{ type: "strict" }],
  "refused chain": [{ type: "bridge", ipam: { type: "host-local" } }, { type: "strict" }],
};

/** A network's conf, or conflist, as an object. */
export function confOf({ cniVersion, kind, name }: NetworkSetup): object {
  const plugins = PLUGINS[kind];
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
export function wantedOf(setup: Setup, { ifname }: ContainerSetup, annotation: string): Wanted[] {
  const names = everyonesNetworks(setup).map(({ name }) => name);
  if (setup.kubernetes) names.push(...annotation.split(", ").filter((name) => name !== ""));
  return names.map((network, index) => ({ ifname: index === 0 ? ifname : `net${index}`, network }));
}

/** A container's pod. */
export function podName({ id }: ContainerSetup): string {
  return `pod-${id}`;
}
