// The conf of the built-in plugin `sriov`: that of the SR-IOV CNI plugin, with two keys more, `driver` and `allowDevices`.
// Source: sriov-cni docs/configuration-reference.md, and ip-link(8) for the values.
import { Code, Fault } from "../fault.ts";
import { DEVICE_INFO_DIR } from "../paths.ts";

export const VLAN_PROTOCOLS = ["802.1q", "802.1ad"] as const;
const ON_OFF = ["on", "off"] as const;
const LINK_STATES = ["auto", "enable", "disable"] as const;
/** With its domain, in lower case. */
export const PCI_ADDRESS = /^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/;
const MAC_ADDRESS = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;
const MAX_MTU = 65_535;
/** /var/run is /run. */
const DEVICE_INFO_DIRS = [DEVICE_INFO_DIR, DEVICE_INFO_DIR.replace("/var/run/", "/run/")];

/** What a PF sets of a VF. What is missing stays as it is. */
export interface VfSettings {
  vlan?: number;
  vlanQoS?: number;
  vlanProto?: (typeof VLAN_PROTOCOLS)[number];
  mac?: string;
  spoofchk?: (typeof ON_OFF)[number];
  trust?: (typeof ON_OFF)[number];
  linkState?: (typeof LINK_STATES)[number];
  /** In Mbit/s; 0 for no limit. */
  minTxRate?: number;
  maxTxRate?: number;
}

/** What every verb needs of a conf. */
export interface ConfBasics {
  cniVersion: string;
  name: string;
  /** The type of the IPAM plugin; "" for none. */
  ipam: string;
  /** Plexus's state directory. */
  cniDir?: string;
  /** Those that GC keeps: none, if the conf names none. */
  validAttachments: { containerID: string; ifname: string }[];
  logLevel?: string;
  logFile?: string;
}

export interface SriovConf extends ConfBasics {
  /** The PCI address of the device, with its domain, in lower case; "" if the conf has none. */
  address: string;
  settings: VfSettings;
  mtu?: number;
  /** The driver to bind the device to; if missing, the one that it has. */
  driver?: string;
  /** PCI addresses of devices that a container may have although they are not VFs. */
  allowDevices: string[];
  /** The path of the file for the device-info. */
  deviceInfoFile?: string;
}

type Keys = Record<string, unknown>;

/**
 * Reads what undoing an attachment needs of a conf, whatever else is in it: a DEL and a GC go by what is on record. Throws a
 * Fault with code 6 if it is not JSON.
 */
export function readBasics(stdin: string): ConfBasics {
  const keys = objectOf(parse(stdin), "the conf");
  const textOr = (value: unknown) => (typeof value === "string" ? value : "");
  const { ipam } = keys;
  const isIpam = typeof ipam === "object" && ipam !== null;
  const basics: ConfBasics = {
    cniVersion: textOr(keys.cniVersion),
    name: textOr(keys.name),
    ipam: isIpam ? textOr((ipam as Keys).type) : "",
    validAttachments: attachmentsOf(keys["cni.dev/valid-attachments"] ?? []),
    logLevel: textOr(keys.logLevel),
    logFile: textOr(keys.logFile),
  };
  const cniDir = textOr(keys.cniDir);
  if (cniDir !== "") basics.cniDir = cniDir;
  return basics;
}

/**
 * Reads a conf as a runtime or Plexus gives it on stdin. Throws a Fault with code 6 if it is not JSON, and with code 7 if a
 * key has a value that it cannot have.
 *
 * @param args CNI_ARGS, whose MAC counts unless the conf's `runtimeConfig` has one
 */
export function readConf(stdin: string, args: string): SriovConf {
  const keys = objectOf(parse(stdin), "the conf");
  const runtime = objectOf(keys.runtimeConfig ?? {}, "`runtimeConfig`");
  for (const key of ["cniVersion", "name", "cniDir", "logLevel", "logFile"]) text(keys, key);
  text(objectOf(keys.ipam ?? {}, "`ipam`"), "type");
  const conf: SriovConf = {
    ...readBasics(stdin),
    address: "",
    settings: settingsOf(keys, runtime, args),
    allowDevices: list(keys, "allowDevices"),
  };
  const address = text(runtime, "deviceID") ?? text(keys, "deviceID") ?? "";
  if (address !== "") conf.address = addressOf(address);
  const mtu = integer(keys, "mtu", 68, MAX_MTU);
  if (mtu !== undefined) conf.mtu = mtu;
  const driver = text(keys, "driver");
  if (driver !== undefined && driver !== "") conf.driver = driverOf(driver);
  const info = text(runtime, "CNIDeviceInfoFile");
  if (info) conf.deviceInfoFile = deviceInfoOf(info);
  return conf;
}

/** Tenants write confs, and root writes the file. */
function deviceInfoOf(path: string): string {
  const isBelow = DEVICE_INFO_DIRS.some((dir) => path.startsWith(`${dir}/`));
  if (isBelow && /^(\/[A-Za-z0-9_@+-][A-Za-z0-9_.@:+-]*)+$/.test(path)) return path;
  throw invalid(
    `\`runtimeConfig.CNIDeviceInfoFile\` is ${JSON.stringify(path)}; it must be a file below ${DEVICE_INFO_DIR}`,
  );
}

/** Throws a Fault if the conf is not enough for an ADD, which needs a version whose results have interfaces, and a device. */
export function requireComplete({ address, cniVersion, name }: SriovConf): void {
  if (/^$|^0\.[12]\./.test(cniVersion)) {
    const said = JSON.stringify(cniVersion);
    throw new Fault(Code.incompatibleVersion, `\`cniVersion\` is ${said}; type sriov needs 0.3.0 or newer`);
  }
  if (address !== "") return;
  throw invalid(
    `network ${JSON.stringify(name)} has no \`deviceID\`; name a resource of the device plugin in the ` +
      "NetworkAttachmentDefinition's annotation k8s.v1.cni.cncf.io/resourceName, or set `deviceID` to the PCI address of a VF",
  );
}

function settingsOf(keys: Keys, runtime: Keys, args: string): VfSettings {
  const settings: VfSettings = {};
  const vlan = integer(keys, "vlan", 0, 4094);
  const vlanQoS = integer(keys, "vlanQoS", 0, 7);
  const vlanProto = oneOf(keys, "vlanProto", VLAN_PROTOCOLS);
  if (!vlan && vlanQoS) throw invalid("`vlanQoS` needs a `vlan` above 0");
  if (!vlan && vlanProto === "802.1ad") throw invalid("`vlanProto` 802.1ad needs a `vlan` above 0");
  if (vlan !== undefined)
    Object.assign(settings, { vlan, vlanQoS: vlanQoS ?? 0, vlanProto: vlanProto ?? "802.1q" });
  const mac = text(runtime, "mac") || /(?:^|;)MAC=([^;]*)/.exec(args)?.[1] || text(keys, "mac");
  if (mac) settings.mac = macOf(mac);
  const spoofchk = oneOf(keys, "spoofchk", ON_OFF);
  if (spoofchk) settings.spoofchk = spoofchk;
  const trust = oneOf(keys, "trust", ON_OFF);
  if (trust) settings.trust = trust;
  const linkState = oneOf(keys, "link_state", LINK_STATES);
  if (linkState) settings.linkState = linkState;
  const [minTxRate, maxTxRate] = [rate(keys, "min_tx_rate"), rate(keys, "max_tx_rate")];
  if (minTxRate && maxTxRate && minTxRate > maxTxRate) {
    throw invalid(
      `\`min_tx_rate\` is ${minTxRate}; it must not be above \`max_tx_rate\`, which is ${maxTxRate}`,
    );
  }
  if (minTxRate !== undefined) settings.minTxRate = minTxRate;
  if (maxTxRate !== undefined) settings.maxTxRate = maxTxRate;
  return settings;
}

/** Reads a PCI address. Device plugins and people may leave out the domain 0000. */
function addressOf(written: string): string {
  const short = written.toLowerCase();
  const address = /^[0-9a-f]{2}:/.test(short) ? `0000:${short}` : short;
  if (PCI_ADDRESS.test(address)) return address;
  throw invalid(
    `\`deviceID\` is ${JSON.stringify(written)}; it must be a PCI address, such as "0000:3b:02.1"`,
  );
}

function driverOf(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name)) return name;
  throw invalid(
    `\`driver\` is ${JSON.stringify(name)}; it must be the name of a kernel driver, such as "vfio-pci"`,
  );
}

function macOf(written: string): string {
  const mac = written.toLowerCase().replaceAll("-", ":");
  if (
    MAC_ADDRESS.test(mac) &&
    (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0 &&
    mac !== "00:00:00:00:00:00"
  )
    return mac;
  throw invalid(
    `the MAC address is ${JSON.stringify(written)}; it must be a unicast one, such as "0a:58:0a:00:00:01"`,
  );
}

function rate(keys: Keys, key: string): number | undefined {
  return integer(keys, key, 0, 2 ** 31 - 1);
}

function text(keys: Keys, key: string): string | undefined {
  const value = keys[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  throw invalid(`\`${key}\` is ${JSON.stringify(value)}; it must be a string`);
}

function integer(keys: Keys, key: string, least: number, most: number): number | undefined {
  const value = keys[key];
  if (value === undefined || value === null) return undefined;
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most)
    return value as number;
  throw invalid(`\`${key}\` is ${JSON.stringify(value)}; it must be a whole number from ${least} to ${most}`);
}

function oneOf<T extends string>(keys: Keys, key: string, words: readonly T[]): T | undefined {
  const value = text(keys, key)?.toLowerCase();
  if (value === undefined || value === "") return undefined;
  if ((words as readonly string[]).includes(value)) return value as T;
  throw invalid(`\`${key}\` is ${JSON.stringify(keys[key])}; it must be one of ${words.join(", ")}`);
}

function list(keys: Keys, key: string): string[] {
  const value = keys[key] ?? [];
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw invalid(`\`${key}\` must be a list of strings`);
}

function attachmentsOf(value: unknown): { containerID: string; ifname: string }[] {
  const fits = (one: unknown) => {
    const { containerID, ifname } = objectOf(one, "each attachment of `cni.dev/valid-attachments`");
    return typeof containerID === "string" && typeof ifname === "string";
  };
  if (Array.isArray(value) && value.every(fits)) return value;
  throw invalid("`cni.dev/valid-attachments` must be a list of objects with `containerID` and `ifname`");
}

function parse(stdin: string): unknown {
  try {
    return JSON.parse(stdin);
  } catch (error) {
    throw new Fault(Code.decodeFailure, `the conf is not JSON: ${(error as Error).message}`);
  }
}

function objectOf(value: unknown, what: string): Keys {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Keys;
  throw invalid(`${what} must be a JSON object`);
}

function invalid(message: string): Fault {
  return new Fault(Code.invalidNetworkConfig, message);
}
