// From Multus's conf to one of Plexus: the same networks, options and state, with the node's own paths.
//
// What has to stay: `name`, as the runtime keeps its results under it, and finds those of pods that run by it; `cniDir`, as
// the state of these pods is there; `cniVersion`.
import * as fs from "node:fs";
import { join } from "node:path";
import { type Conf, confsIn, type Found, isMultus, isThick } from "./multus.ts";

export interface Conversion {
  /** The runtime's directory of confs, and the prefix of the node's paths. */
  confDir: string;
  root: string;
  /** What the runtime is to execute. */
  type: string;
  /** What Multus's daemon was told; undefined for the thin Multus. */
  daemon: Conf | undefined;
  /** "" for the one that Multus has. */
  clusterNetwork: string;
  /** "" for none. */
  kubeconfig: string;
}

/**
 * Keys that say how Multus's daemon, or its installer, is to work. `cniConf` is written by the installer of the thin Multus,
 * and read by nobody.
 */
const OF_MULTUS_ALONE = [
  "cniConf",
  "cniConfigDir",
  "chrootDir",
  "connectionLimit",
  "daemonSocketDir",
  "enablePprof",
  "forceCNIVersion",
  "metricsPort",
  "multusAutoconfigDir",
  "multusConfigFile",
  "multusMasterCNI",
  "overrideNetworkName",
  "perNodeCertificate",
  "socketDir",
];
const PATHS = ["clusterNetwork", "binDir", "cniDir", "confDir", "readinessindicatorfile"];

/** Returns Plexus's conf as text. Throws an Error that says what has to be changed first. */
export function convert(multus: Found, conversion: Conversion): string {
  const { root, type, kubeconfig, clusterNetwork } = conversion;
  const conf: Conf = {};
  // In the order that they have: then the difference is what changes.
  for (const [key, value] of Object.entries({ ...flat(multus), ...overlay(multus, conversion), type })) {
    if (OF_MULTUS_ALONE.includes(key) || (key === "kubeconfig" && kubeconfig === "")) continue;
    conf[key] = PATHS.includes(key) && typeof value === "string" ? onNode(value, root) : value;
  }
  pin(conf, conversion, clusterNetwork);
  if (kubeconfig !== "") conf.kubeconfig = kubeconfig;
  return `${JSON.stringify(conf, null, 2)}\n`;
}

/** A conflist as the conf of its one plugin: what libcni makes of it when it executes that. */
function flat({ name, conf }: Found): Conf {
  if (!Array.isArray(conf.plugins)) return conf;
  const { cniVersion, name: network, plugins, ...others } = conf;
  const [plugin, ...further] = plugins as Conf[];
  if (further.length > 0) {
    const types = further.map(({ type }) => type).join(", ");
    throw new Error(
      `cannot take over from ${name}: ${types} comes after Multus in its chain; put that into the default network's own ` +
        "conflist instead",
    );
  }
  const [key] = Object.keys(others);
  if (key !== undefined) {
    throw new Error(
      `cannot take over from ${name}: a conf without \`plugins\` cannot have its \`${key}\`; remove that, or write ` +
        "00-plexus.conflist by hand",
    );
  }
  return { cniVersion, name: network, ...plugin };
}

/** What the daemon puts over each conf that its shim sends. Its configManager waits for the readiness file; Plexus does itself. */
function overlay(multus: Found, { daemon }: Conversion): Conf {
  if (!isThick(multus) || daemon === undefined) return {};
  const { name: _, type: __, ...keys } = daemon;
  return keys;
}

/** A path of the node, from one in the container of Multus's daemon, which has the node's directories below /host. */
export function onNode(path: string, root: string): string {
  if (fs.existsSync(join(root, path))) return path;
  return path.replace(/^\/host(root)?(?=\/)/, "");
}

/**
 * Pins the default network: to a file, if there is one with just that conf, so that changes of it count. A default network that
 * was found by its place in the directory would be another one as soon as a file is put before it.
 */
function pin(conf: Conf, conversion: Conversion, clusterNetwork: string): void {
  const { confDir, root } = conversion;
  if (clusterNetwork !== "") {
    delete conf.delegates;
    conf.clusterNetwork = clusterNetwork;
  }
  const path = conf.clusterNetwork;
  if (typeof path === "string" && path.startsWith("/")) {
    if (fs.existsSync(join(root, path))) return;
    throw new Error(
      `cannot find the default network's conf ${path}, which Multus has; name it with --cluster-network PATH`,
    );
  }
  const [delegate, ...further] = Array.isArray(conf.delegates) ? (conf.delegates as unknown[]) : [];
  const isAlone = path === undefined && delegate !== undefined && further.length === 0;
  if (!isAlone || ["defaultNetworks", "auxiliaryCNIChainName"].some((key) => key in conf)) return;
  const same = confsIn(join(root, confDir)).find(
    (one) => !isMultus(one) && canonical(one.conf) === canonical(delegate),
  );
  if (same === undefined) return;
  delete conf.delegates;
  conf.clusterNetwork = join(confDir, same.name);
}

/** The same text for all spellings of a document: Multus sorts keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => {
    if (typeof one !== "object" || one === null || Array.isArray(one) || isExact(one)) return one;
    return Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** A number, as parseExactly keeps it. */
function isExact(value: object): boolean {
  return Object.getPrototypeOf(value) === null && "rawJSON" in value;
}
