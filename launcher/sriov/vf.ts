// What a PF sets of its VFs: as `ip` shows it, and as `ip` is told. Source: ip-link(8) of iproute2.
import type { Clock } from "../clock.ts";
import { Code, Fault } from "../fault.ts";
import type { Link, NetworkRequest, VfChange } from "../host/host.ts";
import type { SriovCall } from "./call.ts";
import { type VfSettings, VLAN_PROTOCOLS } from "./conf.ts";
import type { PciDevice } from "./device.ts";

/** Of a VF whose PF has set none. */
export const NO_MAC = "00:00:00:00:00:00";
const MAC_TRIES = 20;
const MAC_STEP_MS = 100;

/** Reads the settings of a VF from its PF's link. Throws a Fault if the PF does not have the VF. */
export function settingsIn(link: Link, vf: number): Required<VfSettings> {
  const info = link.vfinfo_list?.find((one) => one.vf === vf);
  if (!info) {
    throw new Fault(Code.ioFailure, `PF ${link.ifname} does not show VF ${vf}; make the VFs of the PF anew`);
  }
  const [first] = info.vlan_list ?? [];
  const protocol = first?.protocol?.toLowerCase();
  const state = info.link_state;
  return {
    vlan: first?.vlan ?? info.vlan ?? 0,
    vlanQoS: first?.qos ?? info.qos ?? 0,
    vlanProto: VLAN_PROTOCOLS.find((one) => one === protocol) ?? "802.1q",
    mac: info.address ?? NO_MAC,
    spoofchk: info.spoofchk === true ? "on" : "off",
    trust: info.trust === true ? "on" : "off",
    linkState: state === "enable" || state === "disable" ? state : "auto",
    minTxRate: info.rate?.min_tx ?? 0,
    maxTxRate: info.rate?.max_tx ?? info.tx_rate ?? 0,
  };
}

/** Picks the settings that those wanted are going to change, or might. */
export function affectedBy(wanted: VfSettings, all: Required<VfSettings>): VfSettings {
  return Object.fromEntries(Object.keys(wanted).map((key) => [key, all[key as keyof VfSettings]]));
}

/** Picks the settings from before that are not so now. Those of a VLAN come together, as `ip` sets them at once. */
export function changed(before: VfSettings, now: Required<VfSettings>): VfSettings {
  const keys = (Object.keys(before) as (keyof VfSettings)[]).filter((key) => before[key] !== now[key]);
  const isVlan = (key: string) => key.startsWith("vlan");
  const all = keys.some(isVlan) ? [...keys, ...Object.keys(before).filter(isVlan)] : keys;
  return Object.fromEntries(all.map((key) => [key, before[key as keyof VfSettings]]));
}

/** Makes the requests that set a VF. */
function settingRequests(pf: string, vf: number, settings: VfSettings): NetworkRequest[] {
  const { vlan, vlanQoS, vlanProto, mac, spoofchk, trust, linkState, minTxRate, maxTxRate } = settings;
  const sets: VfChange[] = [];
  if (mac !== undefined) sets.push({ mac });
  if (vlan !== undefined) {
    const proto = vlanProto === "802.1ad" ? { proto: vlanProto } : {};
    sets.push({ vlan, ...(vlan > 0 ? { qos: vlanQoS ?? 0, ...proto } : {}) });
  }
  if (spoofchk !== undefined) sets.push({ spoofchk });
  if (trust !== undefined) sets.push({ trust });
  if (linkState !== undefined) sets.push({ state: linkState });
  const rates = {
    ...(maxTxRate === undefined ? {} : { max_tx_rate: maxTxRate }),
    ...(minTxRate === undefined ? {} : { min_tx_rate: minTxRate }),
  };
  if (Object.keys(rates).length > 0) sets.push(rates);
  return sets.map((set) => ({ change: "vf", pf, vf, set }));
}

/**
 * Sets a VF, between other requests on the node. Its MAC address comes first, and is tried again until the PF shows it: for
 * a moment a PF may be busy. Source: sriov-cni pkg/utils, SetVFHardwareMAC.
 */
export async function setVf(
  { clock, host }: SriovCall,
  { pf, vf }: Pick<PciDevice, "pf" | "vf">,
  settings: VfSettings,
  { before = [], after = [] }: { before?: NetworkRequest[]; after?: NetworkRequest[] } = {},
): Promise<void> {
  const { mac, ...others } = settings;
  if (pf === undefined || vf === undefined) {
    await host.configure({ netns: "", requests: [...before, ...after] });
    return;
  }
  if (mac !== undefined) {
    await retried(clock, async () => {
      await host.configure({ netns: "", requests: [...before, ...settingRequests(pf.netdev, vf, { mac })] });
      const { mac: now } = settingsIn(await host.showLink(pf.netdev), vf);
      if (now !== mac) throw notTaken(`VF ${vf} of ${pf.netdev}`, now, mac);
    });
  }
  const first = mac === undefined ? before : [];
  await host.configure({
    netns: "",
    requests: [...first, ...settingRequests(pf.netdev, vf, others), ...after],
  });
}

/** Sets the MAC address of a link, until it has it. Source: sriov-cni pkg/utils, SetVFEffectiveMAC. */
export async function setMac(
  { clock, host }: SriovCall,
  netns: string,
  link: string,
  mac: string,
): Promise<void> {
  await retried(clock, async () => {
    await host.configure({ netns, requests: [{ change: "link", link, set: { address: mac } }] });
    const { address: now } = await host.showLink(link, netns);
    if (now !== mac) throw notTaken(link, now, mac);
  });
}

function notTaken(what: string, now: string, mac: string): Fault {
  return new Fault(
    Code.ioFailure,
    `${what} has MAC address ${now} after it was set to ${mac}; the driver does not take it`,
  );
}

async function retried(clock: Clock, work: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === MAC_TRIES || Fault.of(error).code !== Code.ioFailure) throw error;
      await clock.sleep(MAC_STEP_MS);
    }
  }
}

/** Says in words which of the settings wanted are not so. */
export function differences(wanted: VfSettings, found: Required<VfSettings>): string[] {
  return Object.entries(wanted).flatMap(([key, value]) => {
    const now = found[key as keyof VfSettings];
    return now === value ? [] : [`${key} is ${now}, not ${value}`];
  });
}
