// Changes of links, VFs, addresses and routes: the requests, and the line for `ip` that each of them is.
// Source: ip-link(8), ip-address(8), ip-route(8). The shim renders the same lines by itself: launcher/shim/network.c.
import { Code, Fault } from "../fault.ts";

/** Settings of a VF that its PF makes, as ip-link(8) has them. Rates are in Mbit/s, 0 for no limit. */
export interface VfChange {
  mac?: string;
  vlan?: number;
  /** With `vlan` only. */
  qos?: number;
  /** With `vlan` only. */
  proto?: "802.1q" | "802.1ad";
  spoofchk?: "on" | "off";
  trust?: "on" | "off";
  state?: "auto" | "enable" | "disable";
  max_tx_rate?: number;
  min_tx_rate?: number;
}

/** The numbers are as in ip-route(8). */
interface RouteOptions {
  /** The address of a gateway. */
  via?: string | undefined;
  mtu?: number | undefined;
  advmss?: number | undefined;
  metric?: number | undefined;
  table?: number | undefined;
  scope?: number | undefined;
  /** Is the gateway to be taken for reachable over the link, whatever its addresses are? */
  onlink?: boolean | undefined;
}

/** One change. `destination` is an address with or without a prefix length, or `default`. */
export type NetworkRequest =
  | {
      change: "link";
      link: string;
      set: { up: boolean } | { mtu: number } | { address: string } | { name: string };
    }
  /** `to`: the path of a network namespace, "" for the node's own. The link is down then. */
  | { change: "move"; link: string; to: string; name: string }
  | { change: "vf"; pf: string; vf: number; set: VfChange }
  /** `address` has its prefix length. With `nodad` an IPv6 address is of use at once. */
  | { change: "address"; link: string; address: string; nodad: boolean }
  | {
      change: "route";
      how: "add" | "append" | "prepend" | "replace" | "delete";
      link: string;
      destination: string;
      options?: RouteOptions;
    }
  /** Deletes all routes over the link to exactly that destination, of the batch's family. */
  | { change: "flush"; link: string; destination: string };

/** Changes in one network namespace, in their order. */
export interface NetworkBatch {
  requests: readonly NetworkRequest[];
  /** The path of the network namespace; "" for the node's own. */
  netns: string;
  /** IPv4 or IPv6, where a request does not say it by an address; IPv4 unless given. */
  family?: 4 | 6;
}

/** The keys that are read of a link, as `ip -details -json address show` prints it. */
export interface Link {
  ifname: string;
  mtu: number;
  flags: string[];
  address: string;
  /** Is there a carrier, as far as the driver says it: UP, DOWN, UNKNOWN ... */
  operstate?: string;
  /** The device that it is of, such as a PCI address. */
  parentdev?: string;
  /** Of a link that is not one of hardware. */
  linkinfo?: { info_kind?: string };
  addr_info?: {
    local: string;
    prefixlen: number;
    /** Duplicate address detection has not ended, or has found another one who has the address. */
    tentative?: boolean;
    dadfailed?: boolean;
  }[];
  vfinfo_list?: VfInfo[];
}

interface VfInfo {
  vf: number;
  address?: string;
  vlan_list?: { vlan?: number; qos?: number; protocol?: string }[];
  /** Before iproute2 4.9. */
  vlan?: number;
  qos?: number;
  rate?: { max_tx?: number; min_tx?: number };
  tx_rate?: number;
  spoofchk?: boolean;
  trust?: boolean;
  link_state?: string;
}

/** Switches of a link, and the family that each is of. Source: Linux Documentation/networking/ip-sysctl.rst. The shim has the same. */
export const SYSCTLS = {
  arp_notify: "ipv4",
  ndisc_notify: "ipv6",
  optimistic_dad: "ipv6",
  disable_ipv6: "ipv6",
  keep_addr_on_down: "ipv6",
} as const;

export type Sysctls = Partial<Record<keyof typeof SYSCTLS, 0 | 1>>;

/** Writes switches down as the words of the protocol between shim and resident process. */
export function switchesOf(sysctls: Sysctls): string[] {
  return Object.entries(sysctls).map(([key, value]) => `${key}=${value}`);
}

/** Makes the arguments of `sysctl` that set a link's switches. Throws a Fault if it is not the name of one link. */
export function sysctlArguments(link: string, sysctls: Sysctls): string[] {
  if (!/^[!-.0-9;-~]{1,15}$/.test(link) || ["all", "default", ".", ".."].includes(link))
    throw new Fault(Code.invalidNetworkConfig, `${JSON.stringify(link)} is not the name of a link`);
  const keys = Object.keys(sysctls) as (keyof Sysctls)[];
  // Those that the kernel does not have, as without IPv6, are left out.
  return ["-e", "-q", "-w", ...keys.map((key) => `net/${SYSCTLS[key]}/conf/${link}/${key}=${sysctls[key]}`)];
}

/** What each form of request is for `ip`: `$1` and so on are the values it begins with. launcher/shim/network.c has the same. */
export const FORMS = {
  link: "link set dev $1",
  move: "link set dev $1 netns $2 name $3",
  vf: "link set dev $1 vf $2",
  address: "address add $2 dev $1",
  "route add": "route add $2 dev $1",
  "route append": "route append $2 dev $1",
  "route prepend": "route prepend $2 dev $1",
  "route replace": "route replace $2 dev $1",
  "route delete": "route delete $2 dev $1",
  flush: "route flush exact $2 dev $1",
} as const;

/** The network namespace of the node, for `ip`: that of the process 1. */
const NODE_NETNS = "1";

interface Written {
  form: keyof typeof FORMS;
  values: string[];
  /** Keys of ip's, each followed by its value if it has one. */
  options: string[];
}

/** Writes a request down as the words of the protocol between shim and resident process: docs/protocol.md. */
export function wordsOf(request: NetworkRequest): string[] {
  const { form, values, options } = write(request);
  return [form, ...values, ...options];
}

/** Renders a request as a line for `ip -batch`. Throws a Fault if a value would be anything but one word there. */
export function lineOf(request: NetworkRequest): string {
  const { form, values, options } = write(request);
  const words = values.map((value, index) =>
    form === "move" && index === 1 && value === "" ? NODE_NETNS : value,
  );
  const line = FORMS[form].replace(/\$(\d)/g, (_, place: string) => asWord(words[Number(place) - 1] ?? ""));
  return [line, ...options.map(asWord)].join(" ");
}

function write(request: NetworkRequest): Written {
  const { change } = request;
  switch (change) {
    case "link":
      return { form: change, values: [request.link], options: linkOptions(request.set) };
    case "move":
      return { form: change, values: [request.link, request.to, request.name], options: [] };
    case "vf":
      return { form: change, values: [request.pf, `${request.vf}`], options: pairs(request.set) };
    case "address":
      return {
        form: change,
        values: [request.link, request.address],
        options: request.nodad ? ["nodad"] : [],
      };
    case "route": {
      const { onlink = false, ...options } = request.options ?? {};
      const values = [request.link, request.destination];
      return {
        form: `route ${request.how}`,
        values,
        options: [...pairs(options), ...(onlink ? ["onlink"] : [])],
      };
    }
    case "flush":
      return { form: change, values: [request.link, request.destination], options: [] };
  }
}

function linkOptions(set: (NetworkRequest & { change: "link" })["set"]): string[] {
  return "up" in set ? [set.up ? "up" : "down"] : pairs(set);
}

function pairs(options: object): string[] {
  return Object.entries(options).flatMap(([key, value]) => (value === undefined ? [] : [key, `${value}`]));
}

/** In a batch, spaces and newlines end a word or a line; quotes, backslashes and # mean something; options begin with -. */
function asWord(value: string): string {
  if (/^[^\s"'#\\-][^\s"'#\\]*$/.test(value)) return value;
  throw new Fault(Code.invalidNetworkConfig, `${JSON.stringify(value)} cannot be given to \`ip\``);
}
