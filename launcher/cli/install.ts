// `plexus install` and `plexus uninstall`: the files on a node. Each is written whole, under another name first, so that
// this works while a runtime executes them.
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { getRawAsset, isSea } from "node:sea";
import { machineDisk, makeDirectories } from "../host/disk.ts";
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

/** Puts binary, shim and the shim's conf into the bin directory. */
export async function installBinaries({ binDir, confDir, mode, socket, root }: Installation): Promise<void> {
  const target = join(root, binDir);
  await place(join(target, "plexus"), fs.readFileSync(process.execPath), 0o755);
  await place(join(target, "plexus-shim"), shim(), 0o755);
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
  await place(join(target, "plexus-shim.conf"), lines.map((line) => `${line}\n`).join(""), 0o600);
}

/**
 * Makes the conf from the runtime's own first conf, as Multus's `multus-conf-file=auto` does: that is the default network.
 * If there is none, there is no conf either, and the runtime says that the network is not ready.
 *
 * @returns a line for the log; undefined if nothing had to be done
 */
export async function installConf(installation: Installation): Promise<string | undefined> {
  const { confDir, root, mode, kubeconfig } = installation;
  const dir = join(root, confDir);
  const path = join(dir, CONF);
  const primary = primaryConf(dir);
  if (primary === undefined) {
    if (!fs.existsSync(path)) return undefined;
    fs.unlinkSync(path);
    return `removed ${path}: there is no conf of a default network in ${confDir}`;
  }
  const { cniVersion = "1.0.0", capabilities } = readConf(join(dir, primary));
  const conf = {
    cniVersion,
    name: "plexus",
    type: mode === "one-shot" ? "plexus" : "plexus-shim",
    ...(capabilities ? { capabilities } : {}),
    clusterNetwork: join(confDir, primary),
    ...(kubeconfig === "" ? {} : { kubeconfig }),
  };
  const text = `${JSON.stringify(conf, null, 2)}\n`;
  if (fs.existsSync(path) && fs.readFileSync(path, "utf8") === text) return undefined;
  await place(path, text, 0o600);
  return `wrote ${path}: the default network is that of ${primary}`;
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

/** Removes the installed files, and the socket: a process that the shim has started ends without it. */
export function uninstall({ binDir, confDir, kubeconfig, root, socket }: Installation): void {
  const names = ["plexus-shim", "plexus-shim.conf", "plexus"].map((name) => join(binDir, name));
  // The conf first: from then on the runtime does without Plexus for new pods.
  const run = [socket, `${socket}.lock`];
  for (const path of [join(confDir, CONF), ...(kubeconfig === "" ? [] : [kubeconfig]), ...names, ...run]) {
    fs.rmSync(join(root, path), { force: true });
  }
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
    fs.fsyncSync(file);
    fs.closeSync(file);
    fs.renameSync(part, path);
  } catch (error) {
    fs.rmSync(part, { force: true });
    throw error;
  }
}
