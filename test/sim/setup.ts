// What a history plays on: the conf of the node, its containers, and what each of them is to be attached to.

/** What kind of network: one plugin, a chain of plugins. */
export type Kind = "bridge" | "macvlan" | "chain";

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
}

export interface Setup {
  attach: "sequential" | "parallel";
  /** 0 for no limit. */
  delegateTimeoutSeconds: number;
  /** Of every container, the default one first. */
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
};

/** A network's conf, or conflist, as an object. */
export function confOf({ cniVersion, kind, name }: NetworkSetup): object {
  const plugins = PLUGINS[kind];
  return plugins.length === 1 ? { cniVersion, name, ...plugins[0] } : { cniVersion, name, plugins };
}

/** The interfaces of a container, in the order in which they are attached. */
export function wantedOf({ networks }: Setup, { ifname }: ContainerSetup): Wanted[] {
  return networks.map(({ name }, index) => ({ ifname: index === 0 ? ifname : `net${index}`, network: name }));
}
