// What a network is on the node, in a few words: a bridge, the link that it shares, a device.
// Source: the manuals of the reference plugins, sriov-cni and ovs-cni.
import type { ExplainedAttachment } from "./explain.ts";

type Conf = Record<string, unknown>;

/** What each plugin says of itself. */
const UNDERLAYS: Record<string, (conf: Conf) => string[]> = {
  bridge: ({ bridge, vlan }) => [`bridge ${word(bridge, "cni0")}`, ...vlanOf(vlan)],
  ovs: ({ bridge, vlan }) => [`Open vSwitch ${word(bridge, "bridge")}`, ...vlanOf(vlan)],
  macvlan: ({ master, mode }) => [`${onLink(master)}, mode ${word(mode, "bridge")}`],
  ipvlan: ({ master, mode }) => [`${onLink(master)}, mode ${word(mode, "l2")}`],
  vlan: ({ master, vlanId }) => [onLink(master), ...vlanOf(vlanId)],
  ptp: () => ["routed by the node"],
  flannel: () => ["bridge cni0, Flannel's overlay"],
  calico: () => ["routed by Calico"],
  "cilium-cni": () => ["Cilium's datapath"],
  "host-device": ({ device, pciBusID, hwaddr }) => [
    `device ${word(device, word(pciBusID, word(hwaddr, "of the node")))}`,
  ],
  sriov: ({ deviceID, vlan }) => [`VF ${word(deviceID, "of the node")}`, ...vlanOf(vlan)],
  "ib-sriov": ({ deviceID }) => [`InfiniBand VF ${word(deviceID, "of the node")}`],
  userspace: () => ["vhost-user, memif"],
};

export function underlayOf({ plugins, device }: ExplainedAttachment): string[] {
  const [first] = plugins;
  if (first === undefined) return [];
  const conf = JSON.parse(first.stdin) as Conf;
  const said = Object.hasOwn(UNDERLAYS, first.type) ? UNDERLAYS[first.type]?.(conf) : undefined;
  return said ?? (device === undefined ? [] : [device]);
}

function onLink(master: unknown): string {
  return `on ${word(master, "the default route's link")}`;
}

function vlanOf(vlan: unknown): string[] {
  return typeof vlan === "number" && vlan > 0 ? [`VLAN ${vlan}`] : [];
}

function word(value: unknown, otherwise: string): string {
  return typeof value === "string" && value !== "" ? value : otherwise;
}
