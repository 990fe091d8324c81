// The runtime's conf for Plexus.
import * as fs from "node:fs";
import { basename } from "node:path";
import { META_PLUGINS } from "../../host/host.ts";
import { type MigratedConf, migratedConf } from "../migrate/migrated.ts";
import { ASIDE, CONF, type Installation, onNode, PLAIN_CONF } from "./installation.ts";
import { isObject, objectIn, place, readNamed, readText } from "./place.ts";
import { confsIn, findPrimary, nameOf, type PrimaryConf, readConf } from "./primary.ts";

/** What `installConf` found and did, in words. */
export interface Outcome {
  says: string;
  /** Is there a conf of Plexus? */
  isThere: boolean;
  /** The default network's conf is there, but cannot be used: with or without a conf of Plexus, no pod gets a network. */
  isVain?: true;
}

/**
 * Makes the conf of the default network's, as Multus's `multus-conf-file=auto` does. If there is none, there is no conf
 * either, and the runtime says that the network is not ready; if that one cannot be read, the conf that is there stays. What
 * an administrator has added to the conf stays.
 *
 * @throws Error if the runtime would go on with another conf, or the default network would be a meta-plugin's
 */
export async function installConf(installation: Installation): Promise<Outcome> {
  const file = installation.options["conf-file"];
  if (file !== undefined) return copyConf(installation, file);
  const migrated = migratedConf(onNode(installation, installation.confDir));
  if (migrated !== undefined) return keepMigrated(installation, migrated);
  const { primary: wanted } = installation.options;
  const primary = findPrimary(installation);
  const where = wanted === undefined ? installation.sourceDir : `${wanted} of ${installation.sourceDir}`;
  if (primary === undefined) return setAside(installation, where);
  if ("why" in primary) {
    const isThere = currentPath(installation) !== undefined;
    const said = `${primary.path} cannot be used (${primary.why})`;
    if (isThere)
      return {
        isThere,
        isVain: true,
        says: `kept the conf, and its default network: ${said}; mend it, or remove it`,
      };
    return { isThere, isVain: true, says: `wrote no conf: ${said}; mend it, or remove it` };
  }
  requireTakeover(installation, primary);
  const path = onNode(installation, installation.confDir, CONF);
  const text = `${JSON.stringify(confOf(installation, primary, readBefore(installation)), null, 2)}\n`;
  const isWritten = await place(path, text, 0o600);
  // The older conf sorts first: until now the runtime used that one.
  for (const name of [PLAIN_CONF, ASIDE]) remove(installation, name);
  const network = `the default network is that of ${nameOf(primary)}`;
  return { isThere: true, says: `${isWritten ? "wrote" : "kept"} ${path}: ${network}` };
}

/** Throws what `installConf` would throw, and writes nothing. */
export function requireInstallable(installation: Installation): void {
  const file = installation.options["conf-file"];
  if (file !== undefined) {
    requireCopyable(installation, file);
    return;
  }
  if (migratedConf(onNode(installation, installation.confDir)) !== undefined) return;
  const primary = findPrimary(installation);
  if (primary === undefined || "why" in primary) return; // that may change
  requireTakeover(installation, primary);
  readBefore(installation);
}

/** Throws if the default network that was asked for is not there: a typo takes no conf away. */
export function requirePrimary(installation: Installation): void {
  if (findPrimary(installation) !== undefined) return;
  const { options, sourceDir } = installation;
  throw new Error(
    `--primary ${options.primary}: there is no such file, of ${sourceDir} if it is no path; nothing was changed: name one that is there, ` +
      "or give --watch, which waits for it",
  );
}

/** What `plexus migrate` has made of Multus's conf stays, but for what is asked for here. */
async function keepMigrated(installation: Installation, { path, conf }: MigratedConf): Promise<Outcome> {
  const { mode, kubeconfig } = installation;
  const members = {
    ...keysOf(installation),
    type: mode === "one-shot" ? "plexus" : "plexus-shim",
    ...(kubeconfig === "" ? {} : { kubeconfig }),
  };
  const isWritten = await place(path, `${JSON.stringify({ ...conf, ...members }, null, 2)}\n`, 0o600);
  return { isThere: true, says: `${isWritten ? "wrote" : "kept"} ${path}: \`plexus migrate\` has made it` };
}

/** Without a default network there is no network. What an administrator has added is kept for the next conf. */
function setAside(installation: Installation, where: string): Outcome {
  const path = currentPath(installation);
  const next = "it is written when there is: call this again then, or give --watch";
  if (path === undefined)
    return {
      isThere: false,
      says: `wrote no conf: there is none of a default network in ${where} yet; ${next}`,
    };
  fs.renameSync(path, onNode(installation, installation.confDir, ASIDE));
  remove(installation, PLAIN_CONF);
  return {
    isThere: false,
    says: `removed ${path}: there is no conf of a default network in ${where}; ${next}`,
  };
}

async function copyConf(installation: Installation, file: string): Promise<Outcome> {
  const { content, name } = requireCopyable(installation, file);
  const path = onNode(installation, installation.confDir, name);
  const isWritten = await place(path, content, 0o600);
  for (const other of [name === CONF ? PLAIN_CONF : CONF, ASIDE]) remove(installation, other);
  return { isThere: true, says: `${isWritten ? "wrote" : "kept"} ${path}: it is ${file}` };
}

/** Reads a conf that is to be copied. Throws if it cannot be used, or the runtime would take another one. */
function requireCopyable(installation: Installation, file: string): { content: string; name: string } {
  const content = readNamed(file);
  let types: string[];
  try {
    types = readConf(content).types;
  } catch (error) {
    throw new Error(`cannot copy ${file}: ${(error as Error).message}; correct it`);
  }
  const conf = objectIn(content) ?? {};
  requirePaths(partsOf(conf).plugin, `cannot copy ${file}`);
  const isList = "plugins" in conf;
  if (!types.some((type) => OWN_TYPES.includes(type)))
    throw new Error(`cannot copy ${file}: no plugin of it is ${OWN_TYPES.join(" or ")}; set its \`type\``);
  const name = isList ? CONF : PLAIN_CONF;
  requireFirst(installation, name);
  return { content, name };
}

/** Members that are directories: a runtime may execute Plexus anywhere. */
const DIRECTORIES = ["confDir", "cniDir", "binDir", "kubeletRoot"];

/** @throws Error if one is a relative path */
function requirePaths(plugin: Json, failed: string): void {
  for (const name of DIRECTORIES) {
    const value = plugin[name];
    if (typeof value === "string" && value !== "" && !value.startsWith("/"))
      throw new Error(
        `${failed}: its \`${name}\` ${JSON.stringify(value)} is not an absolute path; correct it`,
      );
  }
}

const OWN_TYPES = ["plexus-shim", "plexus"];

export type Json = Record<string, unknown>;

/** A conf as an administrator has left it, in the parts of a list. */
interface Before {
  list: Json;
  /** Plexus's own. */
  plugin: Json;
  /** Plugins that are chained behind it. */
  rest: unknown[];
}

const NOTHING: Before = { list: {}, plugin: {}, rest: [] };
/** Keys of a conf that belong to the list. Source: CNI spec 1.1.0, section 1. */
const LIST_KEYS = [
  "cniVersion",
  "cniVersions",
  "name",
  "disableCheck",
  "disableGC",
  "loadOnlyInlinedPlugins",
];
/** Those that are set each time. */
const SET_KEYS = ["cniVersion", "cniVersions", "plugins", "type", "capabilities", "clusterNetwork"];

function readBefore(installation: Installation): Before {
  const { confDir } = installation;
  for (const name of [CONF, PLAIN_CONF, ASIDE]) {
    const path = onNode(installation, confDir, name);
    const text = readText(path);
    if (text === undefined) continue;
    const conf = objectIn(text);
    if (conf === undefined)
      throw new Error(
        `cannot keep what you have added to ${path}: it is not a JSON object; mend it, or remove it`,
      );
    const before = partsOf(conf);
    requirePaths(before.plugin, `cannot keep what you have added to ${path}`);
    return before;
  }
  return NOTHING;
}

function partsOf(conf: Json): Before {
  const { plugins } = conf;
  if (!Array.isArray(plugins)) {
    const [list, plugin] = [true, false].map((isOfList) =>
      Object.fromEntries(Object.entries(conf).filter(([key]) => LIST_KEYS.includes(key) === isOfList)),
    );
    return { list: list ?? {}, plugin: plugin ?? {}, rest: [] };
  }
  const found = plugins.findIndex((one) => isObject(one) && OWN_TYPES.includes(`${one.type}`));
  const own: unknown = plugins[Math.max(found, 0)];
  return { list: conf, plugin: isObject(own) ? own : {}, rest: plugins.filter((one) => one !== own) };
}

function confOf(installation: Installation, primary: PrimaryConf, before: Before): Json {
  const { options, mode, kubeconfig } = installation;
  const kept = (part: Json) =>
    Object.fromEntries(Object.entries(part).filter(([key]) => !SET_KEYS.includes(key)));
  const { name: nameBefore, ...list } = kept(before.list);
  const claimed = isObject(before.plugin.capabilities) ? before.plugin.capabilities : {};
  const capabilities = { ...primary.capabilities, ...claimed };
  return {
    ...versionsOf(options["cni-version"], primary.cniVersion),
    name: options.name ?? nameBefore ?? "plexus",
    ...list,
    plugins: [
      {
        type: mode === "one-shot" ? "plexus" : "plexus-shim",
        ...(Object.keys(capabilities).length > 0 ? { capabilities } : {}),
        clusterNetwork: primary.path,
        ...kept(before.plugin),
        ...keysOf(installation),
        ...(kubeconfig === "" ? {} : { kubeconfig }),
      },
      ...before.rest,
    ],
  };
}

/** The version from which on runtimes ask for STATUS and GC. */
const LATEST = "1.1.0";
/** Of a conf that names none. Source: CNI spec 1.1.0, section 1. */
const EARLIEST_OF_LISTS = "0.3.0";

/**
 * Runtimes before CNI 1.1.0 take `cniVersion` and refuse one that they do not know, so it is one that they are known to take;
 * the others take the latest of `cniVersions`.
 */
function versionsOf(asked: string | undefined, primary = LATEST): Json {
  if (asked !== undefined) return { cniVersion: asked };
  if (primary === LATEST) return { cniVersion: LATEST };
  const cniVersion = primary < EARLIEST_OF_LISTS ? EARLIEST_OF_LISTS : primary;
  return { cniVersion, cniVersions: [cniVersion, LATEST] };
}

/** The keys that options set. Without its option, a key stays as it is. */
function keysOf({ options }: Installation): Json {
  const timeout = options["delegate-timeout"];
  const keys = {
    namespaceIsolation: options["namespace-isolation"] || undefined,
    globalNamespaces: options["global-namespaces"],
    readinessindicatorfile: options["readiness-file"],
    attach: options.attach,
    delegateTimeoutSeconds: timeout === undefined ? undefined : Number(timeout),
    logLevel: options["log-level"],
    logFile: options["log-file"],
    binDir: options["plugin-dir"],
    cniDir: options["state-dir"],
    kubeletRoot: options["kubelet-root"],
  };
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined));
}

function requireTakeover(installation: Installation, { path, types }: PrimaryConf): void {
  const meta = types.find((type) => META_PLUGINS.includes(type));
  if (meta !== undefined) {
    throw new Error(
      `cannot take over from ${path}: it is the conf of ${meta}, which executes the default network itself; call ` +
        "`plexus migrate` if that is Multus, or move it away",
    );
  }
  requireFirst(installation, CONF);
}

/** @throws Error if the runtime would take another conf than that of Plexus */
function requireFirst(installation: Installation, own: string): void {
  const { confDir } = installation;
  const earlier = confsIn(installation, confDir).find(
    (name) => name < own && ![CONF, PLAIN_CONF].includes(name),
  );
  if (earlier === undefined) return;
  throw new Error(
    `cannot take over from ${confDir}/${earlier}: the runtime takes the first conf by name, and ${own} comes after it; give ` +
      "it a name that comes later",
  );
}

/** Is the default network's conf gone of which the conf that is there was made? */
export function hasVanished(installation: Installation): boolean {
  const path = currentPath(installation);
  if (path === undefined || installation.options["conf-file"] !== undefined) return false;
  const { clusterNetwork } = pluginIn(readText(path) ?? "");
  return typeof clusterNetwork === "string" && !fs.existsSync(onNode(installation, clusterNetwork));
}

/** Plexus's own plugin in the text of a conf; empty if there is none in it. */
export function pluginIn(conf: string): Json {
  return partsOf(objectIn(conf) ?? {}).plugin;
}

/** The path of Plexus's conf; undefined if there is none. */
function currentPath(installation: Installation): string | undefined {
  const paths = [CONF, PLAIN_CONF].map((name) => onNode(installation, installation.confDir, name));
  return paths.find((path) => fs.existsSync(path));
}

function remove(installation: Installation, name: string): void {
  fs.rmSync(onNode(installation, installation.confDir, name), { force: true });
}

/** Cilium's agent renames each conf but its own, unless it is told not to. */
export function takenByCilium(installation: Installation): string | undefined {
  const { confDir } = installation;
  const names = [CONF, PLAIN_CONF].map((name) => `${name}.cilium_bak`);
  const found = names.find((name) => fs.existsSync(onNode(installation, confDir, name)));
  if (found === undefined) return undefined;
  return (
    `Cilium takes ${confDir} for its own: it has made Plexus's conf ${basename(found)}; set \`cni.exclusive: false\` in its ` +
    "Helm values (cni-exclusive in its ConfigMap), and remove that file"
  );
}
