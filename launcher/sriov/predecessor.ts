// Attachments that the executable of the SR-IOV CNI plugin has made, before the built-in took its place: its files say who has
// which VF, and how the VF was. Source: sriov-cni pkg/utils (SaveNetConf, PCIAllocator) and pkg/types (NetConf).
import { type Host, ownText } from "../host/host.ts";
import { SRIOV_CNI_DIR } from "../paths.ts";
import type { Allocation, Owner } from "./allocation.ts";
import type { SriovCall } from "./call.ts";
import { PCI_ADDRESS, type VfSettings } from "./conf.ts";
import { readDevice } from "./device.ts";
import { readOverride } from "./driver.ts";

const LINK_STATES = ["auto", "enable", "disable"] as const;
/** As the kernel has it, and as sriov-cni writes it on big-endian machines. */
const ETH_P_8021AD = [0x88a8, 0xa888];

/** The keys of a cached conf that are read. */
interface Cached {
  name?: string;
  DeviceID?: string;
  deviceID?: string;
  Master?: string;
  VFID?: number;
  vlan?: number | null;
  spoofchk?: string;
  trust?: string;
  link_state?: string;
  min_tx_rate?: number | null;
  max_tx_rate?: number | null;
  OrigVfState?: {
    HostIFName?: string;
    SpoofChk?: boolean;
    Trust?: boolean;
    AdminMAC?: string;
    EffectiveMAC?: string;
    Vlan?: number;
    VlanQoS?: number;
    VlanProto?: number;
    MinTxRate?: number;
    MaxTxRate?: number;
    LinkState?: number;
    MTU?: number;
  };
}

/** The path of the network namespace of the container that has a device; undefined if none has it. */
export async function predecessorsNetns(host: Host, address: string): Promise<string | undefined> {
  const netns = (await ownText(host, pciPath(address)))?.trim();
  return netns === undefined || netns === "" ? undefined : netns;
}

/**
 * Takes over the attachment that a DEL is for: from then on it is one of the built-in's, which can be killed at any step.
 * Nothing if there is none, or the device has another owner by now.
 */
export async function takeOver(call: SriovCall): Promise<void> {
  const { allocations, host, log, parameters } = call;
  const path = cachePath(parameters);
  const text = await ownText(host, path);
  if (text === undefined) return;
  const cached = parsed(text);
  const address = (cached?.deviceID ?? cached?.DeviceID ?? "").toLowerCase();
  if (cached === undefined || !PCI_ADDRESS.test(address)) {
    log(
      `${path} does not say which device sriov-cni has attached; make sure that it is back, and remove the file`,
    );
    return;
  }
  const netns = parameters.netns || (await predecessorsNetns(host, address)) || "";
  const isTaken = await allocations.take(await describe(call, cached, address, netns));
  if (isTaken) log(`device ${address} was attached by sriov-cni, and is given back by the built-in plugin`);
}

/** Removes what sriov-cni has noted of an attachment, once its device is back. */
export async function forgetPredecessor({ host, parameters }: SriovCall): Promise<void> {
  const path = cachePath(parameters);
  const text = await ownText(host, path);
  if (text === undefined) return;
  const cached = parsed(text);
  const address = (cached?.deviceID ?? cached?.DeviceID ?? "").toLowerCase();
  if (PCI_ADDRESS.test(address)) await host.remove(pciPath(address));
  await host.remove(path);
}

async function describe(
  { host, parameters }: SriovCall,
  cached: Cached,
  address: string,
  netns: string,
): Promise<Allocation> {
  const { containerId, ifname } = parameters;
  const { HostIFName: name = "", EffectiveMAC: mac, MTU: mtu } = cached.OrigVfState ?? {};
  const isThere = await host.exists(`/sys/bus/pci/devices/${address}`);
  const device = isThere ? await readDevice(host, address) : undefined;
  return {
    address,
    containerId,
    ifname,
    netns,
    network: cached.name ?? "",
    ...(cached.Master === undefined || cached.VFID === undefined
      ? {}
      : { pf: cached.Master, vf: cached.VFID }),
    driver: device?.driver ?? "",
    override: isThere ? await readOverride(host, address) : "",
    ...(name === "" ? {} : { netdev: { name, up: false, ...(mac ? { mac } : {}), ...(mtu ? { mtu } : {}) } }),
    wanted: {},
    before: settingsBefore(cached),
    rdma: [],
  };
}

/** What sriov-cni puts back itself: the MAC address that the PF has set, and what the conf has changed. */
function settingsBefore({ OrigVfState: before = {}, ...conf }: Cached): VfSettings {
  const { AdminMAC: mac, LinkState: state = 0, MaxTxRate: maxTxRate = 0, MinTxRate: minTxRate = 0 } = before;
  const isSet = (value: unknown) => value !== undefined && value !== null && value !== "";
  const isRated = isSet(conf.min_tx_rate) || isSet(conf.max_tx_rate);
  const isQinQ = ETH_P_8021AD.includes(before.VlanProto ?? 0);
  return {
    ...(mac ? { mac } : {}),
    ...(isSet(conf.vlan)
      ? { vlan: before.Vlan ?? 0, vlanQoS: before.VlanQoS ?? 0, vlanProto: isQinQ ? "802.1ad" : "802.1q" }
      : {}),
    ...(isSet(conf.spoofchk) ? { spoofchk: before.SpoofChk ? "on" : "off" } : {}),
    ...(isSet(conf.trust) ? { trust: before.Trust ? "on" : "off" } : {}),
    ...(isSet(conf.link_state) ? { linkState: LINK_STATES[state] ?? "auto" } : {}),
    ...(isRated ? { minTxRate, maxTxRate } : {}),
  };
}

function parsed(text: string): Cached | undefined {
  try {
    const cached: unknown = JSON.parse(text);
    return typeof cached === "object" && cached !== null ? cached : undefined;
  } catch {
    return undefined; // it is not JSON: the caller says so
  }
}

function cachePath({ containerId, ifname }: Owner): string {
  return `${SRIOV_CNI_DIR}/${containerId}-${ifname}`;
}

function pciPath(address: string): string {
  return `${SRIOV_CNI_DIR}/pci/${address}`;
}
