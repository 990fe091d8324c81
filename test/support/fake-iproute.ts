// `ip` and `rdma` of iproute2, as far as SR-IOV needs them, on the devices of a FakeSysfs. Source: ip-link(8), rdma-dev(8).
import type { CommandOptions } from "../../launcher/host/execute.ts";
import type { Execution } from "../../launcher/host/host.ts";
import { type FakeLink, type FakeSysfs, type FakeVf, NO_MAC, NODE } from "./fake-sysfs.ts";

/** Names of the node's own network namespace, for `netns`. */
const NODE_NAMES = ["1", "/proc/1/ns/net"];

/**
 * Executes a command: `ip -batch -`, `ip -json -details address show dev NAME`, `rdma dev set NAME netns PATH`. A batch
 * ends at the first line that fails; the lines before it stay done.
 *
 * @param refuses does this line of a batch fail, whatever it says?
 */
export function executeIproute(
  sysfs: FakeSysfs,
  command: "ip" | "rdma" | "sysctl",
  { args, netns, stdin }: Pick<CommandOptions, "args" | "netns" | "stdin">,
  refuses: (line: string) => boolean = () => false,
): Execution {
  if (command === "rdma") return ended(setRdma(sysfs, args));
  if (command === "sysctl") return ended(setSwitches(sysfs, netns, args));
  const words = args.join(" ");
  const shown = /^-json -details address show dev (\S+)$/.exec(words)?.[1];
  if (shown !== undefined) {
    const link = sysfs.link(shown, netns);
    if (!link) return ended(`Device "${shown}" does not exist.`);
    return { exitCode: 0, stdout: JSON.stringify([shownLink(sysfs, link)]), stderr: "" };
  }
  if (words !== "-batch -") return ended(`Command "${words}" is unknown, try "ip help".`);
  for (const [index, line] of stdin.split("\n").filter(Boolean).entries()) {
    const error = refuses(line) ? "RTNETLINK answers: Operation not permitted" : carryOut(sysfs, netns, line);
    if (error !== "") return ended(`${error}\nCommand failed -:${index + 1}\n`);
  }
  return ended("");
}

/** Carries out a line; says what is wrong with it, or "". */
function carryOut(sysfs: FakeSysfs, netns: string, line: string): string {
  const words = line.split(" ");
  const name = words[words.indexOf("dev") + 1] ?? "";
  const link = sysfs.link(name, netns);
  if (!link) return `Cannot find device "${name}"`;
  if (/^link set dev \S+ vf \d+ /.test(line)) return setVf(sysfs, link, Number(words[5]), words.slice(6));
  if (line.startsWith("link set dev ")) return setLink(sysfs, link, words.slice(4));
  if (line.startsWith("address add ")) {
    link.addresses.push(words[2] ?? "");
    return "";
  }
  if (line.startsWith("route append ")) return link.isUp ? "" : "RTNETLINK answers: Network is down";
  return `Object "${words[0]}" is unknown, try "ip help".`;
}

/** `link set dev NAME` and then `up`, `down`, `mtu N`, `address MAC`, `name NAME`, or `netns PATH name NAME`. */
function setLink(sysfs: FakeSysfs, link: FakeLink, words: string[]): string {
  const [key, value = ""] = words;
  if (key === "up" || key === "down") link.isUp = key === "up";
  else if (key === "mtu") link.mtu = Number(value);
  else if (key === "address") return setAddress(sysfs, link, value);
  else if (key === "name") {
    if (link.isUp) return "RTNETLINK answers: Device or resource busy";
    if (sysfs.link(value, link.netns)) return "RTNETLINK answers: File exists";
    link.name = value;
  } else if (key === "netns") {
    const to = NODE_NAMES.includes(value) ? NODE : value;
    const name = words[3] ?? link.name;
    if (!sysfs.hasNetns(to)) return `Error: argument "${value}" is wrong: Invalid "netns" value`;
    if (sysfs.link(name, to)) return "RTNETLINK answers: File exists";
    Object.assign(link, { netns: to, name, isUp: false, addresses: [] });
  } else return `Error: either "dev" is duplicate, or "${key}" is a garbage.`;
  return "";
}

/** igb refuses igbvf every MAC address while the PF has set one of the VF. */
function setAddress(sysfs: FakeSysfs, link: FakeLink, mac: string): string {
  const isFixed = sysfs.driver(link.device) === "igbvf" && sysfs.vf(link.device)?.mac !== NO_MAC;
  if (isFixed) return "RTNETLINK answers: Cannot assign requested address";
  link.mac = mac;
  return "";
}

/** `link set dev PF vf N` and then pairs of a key and a value. */
function setVf(sysfs: FakeSysfs, pf: FakeLink, number: number, words: string[]): string {
  const vf = sysfs.vfs(pf.device)?.[number];
  if (!vf) return "RTNETLINK answers: Invalid argument";
  const pairs = Array.from({ length: words.length / 2 }, (_, index) => words.slice(2 * index, 2 * index + 2));
  if (words[0] === "vlan") Object.assign(vf, { qos: 0, protocol: "802.1q" });
  for (const [key = "", value = ""] of pairs) {
    const set = VF_KEYS[key];
    if (!set) return `Error: "${key}" is a garbage.`;
    Object.assign(vf, set(value));
  }
  return "";
}

const VF_KEYS: Record<string, (value: string) => Partial<FakeVf>> = {
  mac: (mac) => ({ mac }),
  vlan: (value) => ({ vlan: Number(value) }),
  qos: (value) => ({ qos: Number(value) }),
  proto: (protocol) => ({ protocol }),
  spoofchk: (value) => ({ spoofchk: value === "on" }),
  trust: (value) => ({ trust: value === "on" }),
  state: (state) => ({ state }),
  max_tx_rate: (value) => ({ maxTxRate: Number(value) }),
  min_tx_rate: (value) => ({ minTxRate: Number(value) }),
};

/** As `ip -json -details` prints a link: of a VLAN, only what is not 0 and not the usual protocol. */
function shownLink(sysfs: FakeSysfs, link: FakeLink): object {
  const vfs = sysfs.vfs(link.device)?.map((one, vf) => {
    const { vlan, qos, protocol } = one;
    const shown = {
      ...(vlan === 0 ? {} : { vlan }),
      ...(qos === 0 ? {} : { qos }),
      ...(protocol === "802.1q" ? {} : { protocol }),
    };
    return {
      vf,
      address: one.mac,
      vlan_list: [shown],
      rate: { max_tx: one.maxTxRate, min_tx: one.minTxRate },
      spoofchk: one.spoofchk,
      trust: one.trust,
      link_state: one.state,
    };
  });
  const addresses = link.addresses.map((address) => {
    const [local, length] = address.split("/");
    return { local, prefixlen: Number(length) };
  });
  return {
    ifname: link.name,
    flags: link.isUp ? ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"] : ["BROADCAST", "MULTICAST"],
    mtu: link.mtu,
    address: link.mac,
    operstate: link.isUp ? "UP" : "DOWN",
    ...(link.device === ""
      ? { linkinfo: { info_kind: "veth" } }
      : { parentbus: "pci", parentdev: link.device }),
    addr_info: addresses,
    ...(vfs === undefined ? {} : { vfinfo_list: vfs }),
  };
}

/** `sysctl -e -q -w net/FAMILY/conf/LINK/KEY=VALUE ...`: what the kernel does with them later is not seen here. */
function setSwitches(sysfs: FakeSysfs, netns: string, args: readonly string[]): string {
  if (args.slice(0, 3).join(" ") !== "-e -q -w") return "sysctl: usage";
  const odd = args.slice(3).find((word) => {
    const [, link = ""] = /^net\/ipv[46]\/conf\/([^/]+)\/\w+=[01]$/.exec(word) ?? [];
    return link !== "lo" && !sysfs.link(link, netns);
  });
  return odd === undefined ? "" : `sysctl: cannot stat ${odd}`;
}

/** `rdma dev set NAME netns PATH`. */
function setRdma(sysfs: FakeSysfs, args: readonly string[]): string {
  const [dev, set, name = "", , path = ""] = args;
  const to = NODE_NAMES.includes(path) ? NODE : path;
  if (dev !== "dev" || set !== "set" || !sysfs.rdma.has(name) || !sysfs.hasNetns(to)) {
    return `error: rdma ${args.join(" ")}`;
  }
  sysfs.rdma.set(name, to);
  return "";
}

function ended(stderr: string): Execution {
  return { exitCode: stderr === "" ? 0 : 1, stdout: "", stderr };
}
