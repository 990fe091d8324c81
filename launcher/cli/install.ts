// `plexus install` and `plexus uninstall`: the files on a node. Each is written whole, under another name first, so that
// this works while a runtime executes them.
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { getRawAsset, isSea } from "node:sea";
import { machineDisk, makeDirectories } from "../host/disk.ts";
import { META_PLUGINS } from "../host/host.ts";
import { CONF_EXTENSIONS, DEVICE_INFO_DIR, MULTUS_CONF_DIR, STATE_DIR } from "../paths.ts";

export interface Installation {
  /** The runtime's directory of plugins. */
  binDir: string;
  /** The runtime's directory of confs. */
  confDir: string;
  mode: Mode;
  /** The socket of the resident process. */
  socket: string;
  /** The path of a kubeconfig for the conf; "" if the node has no Kubernetes. */
  kubeconfig: string;
  /** The prefix of the node's paths as the installer sees them: `/host` in a container. */
  root: string;
}

/** Who starts the resident process: the shim that finds none, or somebody else; or is every call done by itself? */
export type Mode = "on-demand" | "resident" | "one-shot";

/** The runtime takes the first conf by name. */
const CONF = "00-plexus.conf";
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Puts binary, shim and the shim's conf into the bin directory. Lines that an administrator has added there stay. */
export async function installBinaries({ binDir, confDir, mode, socket, root }: Installation): Promise<void> {
  const target = join(root, binDir);
  await place(join(target, "plexus"), fs.readFileSync(process.execPath), 0o755);
  await place(join(target, "plexus-shim"), shim(), 0o755);
  const path = join(target, "plexus-shim.conf");
  const lines = [
    "# What plexus-shim lets the resident process do: docs/security.md.",
    ...(mode === "one-shot" ? [] : [`socket ${socket}`]),
    ...(mode === "on-demand" ? ["resident on-demand"] : []),
    `plugins ${binDir}`,
    `state ${STATE_DIR}`,
    `state ${DEVICE_INFO_DIR}`,
    `read ${confDir}`,
    `read ${MULTUS_CONF_DIR}`,
  ];
  const before = fs.existsSync(path) ? fs.readFileSync(path, "utf8").split("\n") : [];
  const added = before.filter(
    (line) => line !== "" && !lines.includes(line) && !/^(socket|resident)\s/.test(line),
  );
  await place(path, [...lines, ...added].map((line) => `${line}\n`).join(""), 0o600);
}

/**
 * Makes the conf from the runtime's own first conf, as Multus's `multus-conf-file=auto` does: that is the default network.
 * If there is none, there is no conf either, and the runtime says that the network is not ready. Keys that an administrator
 * has added to the conf stay.
 *
 * @returns a line for the log; undefined if nothing had to be done
 * @throws Error if the runtime would go on with another conf, or the default network would be a meta-plugin's
 */
export async function installConf(installation: Installation): Promise<string | undefined> {
  const { confDir, root, mode, kubeconfig } = installation;
  const dir = join(root, confDir);
  const path = join(dir, CONF);
  const primary = primaryConf(dir);
  if (primary === undefined) {
    if (!fs.existsSync(path)) {
      return `wrote no conf: there is none of a default network in ${confDir} yet; call this again when there is, or give --watch`;
    }
    fs.unlinkSync(path);
    return `removed ${path}: there is no conf of a default network in ${confDir}`;
  }
  const { cniVersion = "1.0.0", capabilities, types } = readConf(join(dir, primary));
  requireTakeover(join(confDir, primary), types);
  const written = fs.existsSync(path) ? fs.readFileSync(path, "utf8") : undefined;
  const before = written === undefined ? {} : objectIn(written);
  if (before === undefined) {
    throw new Error(
      `cannot keep what you have added to ${path}: it is not a JSON object; mend it, or remove it`,
    );
  }
  const conf = {
    cniVersion,
    name: "plexus",
    type: mode === "one-shot" ? "plexus" : "plexus-shim",
    ...(capabilities ? { capabilities } : {}),
    clusterNetwork: join(confDir, primary),
    ...Object.fromEntries(Object.entries(before).filter(([key]) => !MANAGED.includes(key))),
    ...(kubeconfig === "" ? {} : { kubeconfig }),
  };
  const text = `${JSON.stringify(conf, null, 2)}\n`;
  if (text === written) return undefined;
  await place(path, text, 0o600);
  return `wrote ${path}: the default network is that of ${primary}`;
}

/** Keys of the conf that `install` sets, each time; a kubeconfig, only if it is given one. */
const MANAGED = ["cniVersion", "name", "type", "capabilities", "clusterNetwork"];

function requireTakeover(primary: string, types: string[]): void {
  const meta = types.find((type) => META_PLUGINS.includes(type));
  if (meta !== undefined) {
    throw new Error(
      `cannot take over from ${primary}: it is the conf of ${meta}, which executes the default network itself; change its ` +
        "`type` to plexus-shim instead, or move it away",
    );
  }
  if (basename(primary) < CONF) {
    throw new Error(
      `cannot take over from ${primary}: the runtime takes the first conf by name, and ${CONF} comes after it; give it a ` +
        "name that comes later",
    );
  }
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** A kubeconfig with the token of this pod's service account, written anew if that has changed. */
export async function installKubeconfig(
  { kubeconfig, root }: Installation,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (kubeconfig === "" || !host || !port) return undefined;
  const token = fs.readFileSync(join(SERVICE_ACCOUNT, "token"), "utf8").trim();
  const authority = fs.readFileSync(join(SERVICE_ACCOUNT, "ca.crt")).toString("base64");
  const server = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const text = `${JSON.stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "plexus",
      contexts: [{ name: "plexus", context: { cluster: "local", user: "plexus" } }],
      clusters: [{ name: "local", cluster: { server, "certificate-authority-data": authority } }],
      users: [{ name: "plexus", user: { token } }],
    },
    null,
    2,
  )}\n`;
  const path = join(root, kubeconfig);
  if (fs.existsSync(path) && fs.readFileSync(path, "utf8") === text) return undefined;
  await makeDirectories(machineDisk, dirname(path), 0o700);
  await place(path, text, 0o600);
  return `wrote ${path}`;
}

/**
 * Removes the installed files, and the socket: a process that the shim has started ends without it. A kubeconfig that
 * `install` has not written stays.
 */
export function uninstall({ binDir, confDir, kubeconfig, root, socket }: Installation): void {
  const names = ["plexus-shim", "plexus-shim.conf", "plexus"].map((name) => join(binDir, name));
  // The conf first: from then on the runtime does without Plexus for new pods.
  const shimConf = join(root, binDir, "plexus-shim.conf");
  const text = fs.existsSync(shimConf) ? fs.readFileSync(shimConf, "utf8") : "";
  const used = /^socket (\/.*)$/m.exec(text)?.[1] ?? socket;
  const run = [used, `${used}.lock`, `${used}.tally`];
  const own = kubeconfig !== "" && isWritten(join(root, kubeconfig)) ? [kubeconfig] : [];
  for (const path of [join(confDir, CONF), ...own, ...names, ...run]) {
    fs.rmSync(join(root, path), { force: true });
  }
}

/** Is it a kubeconfig of `installKubeconfig`? */
function isWritten(path: string): boolean {
  if (!fs.existsSync(path)) return false;
  const { "current-context": context, users } = objectIn(fs.readFileSync(path, "utf8")) ?? {};
  return context === "plexus" && Array.isArray(users);
}

function primaryConf(dir: string): string | undefined {
  const names = fs.existsSync(dir) ? fs.readdirSync(dir).sort() : [];
  return names.find((name) => {
    if (name === CONF || !CONF_EXTENSIONS.some((end) => name.endsWith(end))) return false;
    try {
      return readConf(join(dir, name)).isConf;
    } catch {
      return false; // half written, or not for a runtime
    }
  });
}

/** Reads the version of a conf or conflist, and the capabilities of its plugins. */
function readConf(path: string) {
  type Plugin = { type?: unknown; capabilities?: Record<string, boolean> };
  const conf = JSON.parse(fs.readFileSync(path, "utf8")) as Plugin & {
    cniVersion?: string;
    plugins?: Plugin[];
  };
  const plugins = conf.plugins ?? [conf];
  const claimed = plugins.map(({ capabilities = {} }) => capabilities);
  const capabilities = Object.fromEntries(
    claimed.flatMap(Object.entries).filter(([, claims]) => claims === true),
  );
  return {
    isConf: plugins.length > 0 && plugins.every(({ type }) => typeof type === "string"),
    cniVersion: conf.cniVersion,
    capabilities: Object.keys(capabilities).length > 0 ? capabilities : undefined,
    types: plugins.flatMap(({ type }) => (typeof type === "string" ? [type] : [])),
  };
}

function shim(): Buffer {
  return isSea()
    ? Buffer.from(getRawAsset("plexus-shim"))
    : fs.readFileSync(join(dirname(process.execPath), "plexus-shim"));
}

/** Writes a file whole, or not at all. */
async function place(path: string, content: string | Buffer, mode: number): Promise<void> {
  await makeDirectories(machineDisk, dirname(path), 0o755);
  const part = join(dirname(path), `.${basename(path)}.${process.pid}`);
  try {
    fs.writeFileSync(part, content, { mode });
    fs.chmodSync(part, mode); // whatever the umask
    const file = fs.openSync(part, "r");
    try {
      fs.fsyncSync(file);
    } finally {
      fs.closeSync(file);
    }
    fs.renameSync(part, path);
  } catch (error) {
    fs.rmSync(part, { force: true });
    throw error;
  }
}
