// Which addresses and routes an IPAM plugin will give, as far as the conf and what the pod asks for say it.
// Source: the manuals of host-local, static, dhcp and whereabouts; CNI CONVENTIONS.md, "ips" and "args".
import type { Executed } from "./node.ts";
import { cniArg, type Ipam, isText, type PluginConf } from "./pluginconf.ts";
import type { Unknowns } from "./unknowns.ts";

interface Addressing {
  addresses: { address: string; gateway?: string }[];
  routes: { dst: string; gw?: string }[];
  dns: unknown;
}

type Address = Addressing["addresses"][number];

export function addressing(executed: Executed, conf: PluginConf, unknowns: Unknowns): Addressing {
  const { ipam } = conf;
  const type = isText(ipam?.type) ? ipam.type : "";
  const addresses = addressesOf(executed, conf, unknowns);
  const routes = texts(ipam?.routes, "dst").map(({ dst, gw }) => ({
    dst: `${dst}`,
    ...(isText(gw) ? { gw } : {}),
  }));
  const [gateway] = addresses.flatMap((one) => one.gateway ?? []);
  const leads = conf.isDefaultGateway === true || executed.plugin === "flannel";
  if (leads && gateway !== undefined && !routes.some(({ dst }) => dst === "0.0.0.0/0")) {
    routes.push({ dst: gateway.includes(":") ? "::/0" : "0.0.0.0/0", gw: gateway });
  }
  const dns = isFilled(conf.dns) ? conf.dns : type === "static" ? ipam?.dns : undefined;
  return { addresses, routes, dns: isFilled(dns) ? dns : undefined };
}

function addressesOf(executed: Executed, conf: PluginConf, unknowns: Unknowns): Address[] {
  const { ipam } = conf;
  const type = isText(ipam?.type) ? ipam.type : "";
  if (executed.plugin === "flannel") {
    const gateway = bare(unknowns.address("first address of the node's subnet"));
    return [{ address: unknowns.address("address of the node's subnet"), gateway }];
  }
  if (type === "") return DEFAULT_IPAM.has(executed.plugin) ? [chosen(unknowns, executed.plugin)] : [];
  const asked = requested(executed, conf);
  if (type === "static") {
    if (asked.length > 0) return asked.filter((one) => one.includes("/")).map((address) => ({ address }));
    return texts(ipam?.addresses, "address").map(({ address, gateway }) => ({
      address: `${address}`,
      ...(isText(gateway) ? { gateway } : {}),
    }));
  }
  if (type === "host-local") return hostLocal(ipam ?? {}, asked, unknowns);
  if (type === "whereabouts") return whereabouts(ipam ?? {}, unknowns);
  return [chosen(unknowns, type)];
}

/** Plugins that give addresses without an `ipam` in their conf. */
const DEFAULT_IPAM = new Set(["calico", "cilium-cni", "ovn-k8s-cni-overlay", "kube-ovn", "cluster-default"]);

function chosen(unknowns: Unknowns, by: string): Address {
  return { address: unknowns.address(`address from ${by}`) };
}

/** One address of each set of ranges: the one that is asked for, if the range has it. */
function hostLocal(ipam: Ipam, asked: string[], unknowns: Unknowns): Address[] {
  const sets = Array.isArray(ipam.ranges) ? ipam.ranges : [];
  const ranges = [...sets.map((set) => (Array.isArray(set) ? set : [])), [ipam]];
  const left = [...asked];
  return ranges.flatMap((set) => {
    const usable = (set as Ipam[]).filter((range) => isText(range?.subnet));
    const [first] = usable;
    if (first === undefined) return [];
    for (const range of usable) {
      const at = left.findIndex((one) => isWithin(bare(one), `${range.subnet}`));
      if (at < 0) continue;
      const [address = ""] = left.splice(at, 1);
      const length = `${range.subnet}`.split("/")[1];
      return [{ address: `${bare(address)}/${length}`, gateway: gatewayOf(range) }];
    }
    const subnet = `${first.subnet}`;
    const address = unknowns.address(`address of ${subnet}`, subnet.includes(":") ? 6 : 4);
    return [{ address, gateway: gatewayOf(first) }];
  });
}

function gatewayOf({ gateway, subnet }: Ipam): string {
  return isText(gateway) ? gateway : firstAddress(`${subnet}`);
}

function whereabouts(ipam: Ipam, unknowns: Unknowns): Address[] {
  const ranges = [ipam, ...(Array.isArray(ipam.ipRanges) ? (ipam.ipRanges as Ipam[]) : [])]
    .map((one) => one?.range)
    .filter(isText);
  return ranges.map((range) => ({
    address: unknowns.address(`address of ${range}`, range.includes(":") ? 6 : 4),
    ...(isText(ipam.gateway) ? { gateway: ipam.gateway } : {}),
  }));
}

/** What the pod asks for: by capability, else by `cni-args`, else by CNI_ARGS. */
function requested({ env }: Executed, { runtimeConfig, args }: PluginConf): string[] {
  const lists = [runtimeConfig?.ips, args?.cni?.ips, cniArg(env, "IP")?.split(",")];
  for (const list of lists) {
    const ips = Array.isArray(list) ? list.filter(isText) : [];
    if (ips.length > 0) return ips;
  }
  return [];
}

/** Returns the first address of a subnet, which host-local takes for the gateway. */
function firstAddress(subnet: string): string {
  const [address = "", length = ""] = subnet.split("/");
  const bits = bitsOf(address);
  const wide = address.includes(":") ? 128n : 32n;
  if (bits === undefined || !/^\d{1,3}$/.test(length) || BigInt(length) > wide) return address;
  const host = wide - BigInt(length);
  return textOf((((bits >> host) << host) + 1n) as bigint, wide);
}

function isWithin(address: string, subnet: string): boolean {
  const [network = "", length = ""] = subnet.split("/");
  const [one, other] = [bitsOf(address), bitsOf(network)];
  if (one === undefined || other === undefined || !/^\d{1,3}$/.test(length)) return false;
  if (address.includes(":") !== network.includes(":")) return false;
  const host = (address.includes(":") ? 128n : 32n) - BigInt(length);
  return host >= 0n && one >> host === other >> host;
}

/** Returns an address as a number; undefined if it is not one. */
function bitsOf(address: string): bigint | undefined {
  if (!address.includes(":")) {
    const octets = address.split(".").map(Number);
    if (octets.length !== 4 || !octets.every((one) => one >= 0 && one <= 255)) return undefined;
    return octets.reduce((bits, one) => (bits << 8n) + BigInt(one), 0n);
  }
  const [head = "", tail] = address.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const missing = tail === undefined ? 0 : 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array(Math.max(0, missing)).fill("0"), ...groups(tail ?? "")];
  if (all.length !== 8 || !all.every((one) => /^[0-9a-fA-F]{1,4}$/.test(one))) return undefined;
  return all.reduce((bits, one) => (bits << 16n) + BigInt(`0x${one}`), 0n);
}

function textOf(bits: bigint, wide: bigint): string {
  if (wide === 32n) return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 255n).join(".");
  const groups = Array.from({ length: 8 }, (_, at) =>
    ((bits >> BigInt(112 - 16 * at)) & 0xffffn).toString(16),
  );
  return groups.join(":").replace(/(^|:)0(:0)+(:|$)/, "::");
}

function bare(cidr: string): string {
  return cidr.split("/")[0] ?? "";
}

/** Returns the objects of a list that have a text under a key. */
function texts(list: unknown, key: string): Record<string, unknown>[] {
  if (!Array.isArray(list)) return [];
  return list.filter((one) => isText((one as Record<string, unknown> | null)?.[key]));
}

function isFilled(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}
