// A pod's networks, as its annotations say. Source: NPWG NAD spec v1.3, sections 4 and 5; device-info spec v1.1.
//
// All of it is text that a pod's owner can have written: what is malformed becomes a remark, and nothing is longer, or more,
// than somebody could read.
import type { JsonObject } from "../../cluster/json.ts";

export interface Interface {
  /** "" if no interface was made. */
  ifname: string;
  /** `namespace/name` of a NAD, or the name of a conf. */
  network: string;
  ips: string[];
  mac: string;
  isDefault: boolean;
  mtu: number | undefined;
  gateways: string[];
  device: Device | undefined;
}

export interface Device {
  /** `pci`, `vdpa`, `vhost-user`, `memif` ... */
  type: string;
  /** Where it is: a PCI address, or a path. */
  address: string;
  /** Key -> value: all that is known beside. */
  more: Record<string, string>;
}

export interface PodNetworks {
  namespace: string;
  name: string;
  uid: string;
  /** "" if it has none yet. */
  node: string;
  phase: string;
  interfaces: Interface[];
  /** What it asks for, if it has no network-status. */
  asked: string[];
  /** What is wrong with its annotations. */
  remark: string | undefined;
}

const STATUS = "k8s.v1.cni.cncf.io/network-status";
/** Multus's before 3.7. */
const OLD_STATUS = "k8s.v1.cni.cncf.io/networks-status";
const NETWORKS = "k8s.v1.cni.cncf.io/networks";

const MOST_INTERFACES = 128;
const MOST_ADDRESSES = 16;
const LONGEST_TEXT = 256;

/** Reads a pod; undefined if it has no networks but those that a node gives to all pods, and nobody says which. */
export function networksOf(pod: JsonObject): PodNetworks | undefined {
  const { metadata = {}, spec = {}, status = {} } = pod.raw() as Record<string, Json>;
  const annotations = objectOf(objectOf(metadata).annotations);
  const namespace = textOf(objectOf(metadata).namespace);
  const read = statusIn(textIn(annotations[STATUS]) || textIn(annotations[OLD_STATUS]));
  const asked = read.interfaces.length > 0 ? [] : askedIn(textIn(annotations[NETWORKS]), namespace);
  if (read.interfaces.length === 0 && asked.length === 0 && read.remark === undefined) return undefined;
  return {
    namespace,
    name: textOf(objectOf(metadata).name),
    uid: textOf(objectOf(metadata).uid),
    node: textOf(objectOf(spec).nodeName),
    phase: textOf(objectOf(status).phase),
    asked,
    ...read,
  };
}

type Json = unknown;

function statusIn(text: string): Pick<PodNetworks, "interfaces" | "remark"> {
  if (text.trim() === "") return { interfaces: [], remark: undefined };
  let list: Json;
  try {
    list = JSON.parse(text);
  } catch {
    return { interfaces: [], remark: "its network-status is not JSON" };
  }
  if (!Array.isArray(list)) return { interfaces: [], remark: "its network-status is not a list" };
  const objects = list.filter((one) => typeof one === "object" && one !== null && !Array.isArray(one));
  const interfaces = objects.slice(0, MOST_INTERFACES).map(interfaceOf);
  const remark =
    objects.length < list.length
      ? "its network-status has elements that are not objects"
      : list.length > MOST_INTERFACES
        ? `its network-status has ${list.length} elements, of which the first ${MOST_INTERFACES} are shown`
        : undefined;
  return { interfaces, remark };
}

function interfaceOf(element: Record<string, Json>): Interface {
  const { name, interface: ifname, ips, mac, default: isDefault, mtu, gateway } = element;
  return {
    ifname: textOf(ifname),
    network: textOf(name) || "-",
    ips: textsOf(ips),
    mac: textOf(mac),
    isDefault: isDefault === true,
    mtu: typeof mtu === "number" ? mtu : undefined,
    gateways: textsOf(gateway),
    device: deviceOf(objectOf(element["device-info"])),
  };
}

/** Member of a device's own object -> that is where it is. */
const ADDRESSES = ["pci-address", "path", "parent-device"];

function deviceOf(info: Record<string, Json>): Device | undefined {
  const type = textOf(info.type);
  if (type === "") return undefined;
  const own = objectOf(info[type]);
  const texts = Object.entries(own)
    .slice(0, MOST_ADDRESSES)
    .map(([key, value]): [string, string] => [textOf(key), textOf(value)])
    .filter(([, value]) => value !== "");
  const known = new Map(texts);
  const key = ADDRESSES.find((one) => known.has(one)) ?? "";
  return {
    type,
    address: known.get(key) ?? "",
    more: Object.fromEntries(texts.filter(([other]) => other !== key)),
  };
}

/** The networks in an annotation, as far as they can be told; what is wrong with it is lint's to say. */
function askedIn(text: string, namespace: string): string[] {
  const whole = (name: string) => (name.includes("/") ? name : `${namespace}/${name}`);
  const short = text.trim();
  if (short === "") return [];
  if (!short.startsWith("[") && !short.startsWith("{")) {
    const names = short.slice(0, MOST_INTERFACES * LONGEST_TEXT).split(",");
    return names
      .map((one) => textOf(one.trim().replace(/@.*$/s, "")))
      .filter((one) => one !== "")
      .slice(0, MOST_INTERFACES)
      .map(whole);
  }
  let list: Json;
  try {
    list = JSON.parse(short);
  } catch {
    return ["?"]; // Plexus refuses it, in an event
  }
  return (Array.isArray(list) ? list : []).slice(0, MOST_INTERFACES).map((one) => {
    const { name, namespace: of } = objectOf(one);
    return textOf(of) === "" ? whole(textOf(name) || "?") : `${textOf(of)}/${textOf(name)}`;
  });
}

function objectOf(value: Json): Record<string, Json> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, Json>)
    : {};
}

function textIn(value: Json): string {
  return typeof value === "string" ? value : "";
}

function textOf(value: Json): string {
  const text = textIn(value).toWellFormed();
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT - 1).toWellFormed()}…` : text;
}

function textsOf(value: Json): string[] {
  return (Array.isArray(value) ? value : []).slice(0, MOST_ADDRESSES).map(textOf);
}
