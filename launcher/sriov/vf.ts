// What `ip` is told, and tells, of VFs. Source: ip-link(8) of iproute2.
import { Code, Fault } from "../fault.ts";
import { type Host, SYSTEM_DIRS } from "../host/host.ts";
import { type Settings, VLAN_PROTOCOLS } from "./conf.ts";

const TIMEOUT = 30_000;

/** Executes `ip`; in the network namespace at a path, where one is given. Throws what it says where it fails. */
export class Ip {
  private readonly host: Host;
  private readonly env: Record<string, string>;

  constructor(host: Host, env: Record<string, string>) {
    this.host = host;
    this.env = env;
  }

  /** Executes lines as one batch, which ends at the first that fails. No lines, no execution. */
  async batch(lines: string[], netns?: string): Promise<void> {
    if (lines.length === 0) return;
    await this.run(["-batch", "-"], lines, netns);
  }

  /** The only link of a name, with all details. */
  async link(name: string, netns?: string): Promise<Link> {
    const stdout = await this.run(["-json", "-details", "address", "show", "dev", name], [], netns);
    const [link] = JSON.parse(stdout) as Link[];
    if (link) return link;
    throw new Fault(Code.ioFailure, `ip shows nothing of ${name}`);
  }

  private async run(args: string[], lines: string[], netns?: string): Promise<string> {
    const path = await this.host.find("ip", SYSTEM_DIRS);
    if (path === undefined) {
      throw new Fault(
        Code.pluginNotAvailable,
        "type sriov needs the command ip on the node: install iproute2",
      );
    }
    const stdin = lines.map((line) => `${line}\n`).join("");
    const where = netns === undefined ? {} : { netns };
    const options = { args, env: this.env, stdin, timeout: TIMEOUT, ...where };
    const { exitCode, stdout, stderr } = await this.host.execute(path, options);
    if (exitCode === 0) return stdout;
    const at = /^Command failed -:(\d+)/m.exec(stderr)?.[1];
    const line = at === undefined ? args.join(" ") : lines[Number(at) - 1];
    const said = stderr.replace(/^Command failed.*$/m, "").trim();
    throw new Fault(Code.ioFailure, `\`ip ${line}\`${netns === undefined ? "" : ` in ${netns}`}: ${said}`);
  }
}

/** Of what `ip -d -j address show` prints, what is read. */
export interface Link {
  ifname: string;
  mtu: number;
  flags: string[];
  address: string;
  addr_info?: { local: string; prefixlen: number }[];
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

/** What is set of a VF, as its PF's link says. Throws where the PF does not have it. */
export function settingsIn(link: Link, vf: number): Required<Settings> {
  const info = link.vfinfo_list?.find((one) => one.vf === vf);
  if (!info) {
    throw new Fault(
      Code.ioFailure,
      `ip shows no VF ${vf} of ${link.ifname}: reset the PF's driver or its VFs`,
    );
  }
  const [first] = info.vlan_list ?? [];
  const protocol = first?.protocol?.toLowerCase();
  const state = info.link_state;
  return {
    vlan: first?.vlan ?? info.vlan ?? 0,
    vlanQoS: first?.qos ?? info.qos ?? 0,
    vlanProto: VLAN_PROTOCOLS.find((one) => one === protocol) ?? "802.1q",
    mac: info.address ?? "00:00:00:00:00:00",
    spoofchk: info.spoofchk === true ? "on" : "off",
    trust: info.trust === true ? "on" : "off",
    linkState: state === "enable" || state === "disable" ? state : "auto",
    minTxRate: info.rate?.min_tx ?? 0,
    maxTxRate: info.rate?.max_tx ?? info.tx_rate ?? 0,
  };
}

/** Of what is set, what `wanted` is going to change, or might. */
export function affectedBy(wanted: Settings, all: Required<Settings>): Settings {
  return Object.fromEntries(Object.keys(wanted).map((key) => [key, all[key as keyof Settings]]));
}

/** Of what was `before`, what is not so now. A VLAN's parts belong together. */
export function changed(before: Settings, now: Required<Settings>): Settings {
  const keys = (Object.keys(before) as (keyof Settings)[]).filter((key) => before[key] !== now[key]);
  const isVlan = (key: string) => key.startsWith("vlan");
  const all = keys.some(isVlan) ? [...keys, ...Object.keys(before).filter(isVlan)] : keys;
  return Object.fromEntries(all.map((key) => [key, before[key as keyof Settings]]));
}

/** The lines for a batch that set a VF. */
export function settingLines(pf: string, vf: number, settings: Settings): string[] {
  const { vlan, vlanQoS, vlanProto, mac, spoofchk, trust, linkState, minTxRate, maxTxRate } = settings;
  const words: string[] = [];
  if (mac !== undefined) words.push(`mac ${mac}`);
  if (vlan !== undefined) {
    const protocol = vlanProto === "802.1ad" ? " proto 802.1ad" : "";
    words.push(`vlan ${vlan}${vlan > 0 ? ` qos ${vlanQoS ?? 0}${protocol}` : ""}`);
  }
  if (spoofchk !== undefined) words.push(`spoofchk ${spoofchk}`);
  if (trust !== undefined) words.push(`trust ${trust}`);
  if (linkState !== undefined) words.push(`state ${linkState}`);
  const rates = [
    ...(maxTxRate === undefined ? [] : [`max_tx_rate ${maxTxRate}`]),
    ...(minTxRate === undefined ? [] : [`min_tx_rate ${minTxRate}`]),
  ];
  if (rates.length > 0) words.push(rates.join(" "));
  return words.map((word) => `link set dev ${pf} vf ${vf} ${word}`);
}

/** What of `wanted` is not so, in words; empty where all is. */
export function differences(wanted: Settings, found: Required<Settings>): string[] {
  return Object.entries(wanted).flatMap(([key, value]) => {
    const now = found[key as keyof Settings];
    return now === value ? [] : [`${key} is ${now}, not ${value}`];
  });
}
