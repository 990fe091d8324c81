// The runtime's conf for Plexus.
import * as fs from "node:fs";
import { basename, join } from "node:path";
import { META_PLUGINS } from "../../host/host.ts";
import { migratedConf } from "../migrate/migrated.ts";
import { CONF, type Installation, KEPT } from "./installation.ts";
import { objectIn, place } from "./place.ts";
import { primaryConf, readConf } from "./primary.ts";

/**
 * Makes the conf from the runtime's own first conf, as Multus's `multus-conf-file=auto` does: that is the default network.
 * If there is none, there is no conf either, and the runtime says that the network is not ready. Keys that an administrator
 * has added to the conf stay, or come back with it.
 *
 * @returns a line for the log; undefined if nothing had to be done
 * @throws Error if the runtime would go on with another conf, or the default network would be a meta-plugin's
 */
export async function installConf(installation: Installation): Promise<string | undefined> {
  const { confDir, root, mode, kubeconfig } = installation;
  const dir = join(root, confDir);
  const type = mode === "one-shot" ? "plexus" : "plexus-shim";
  const migrated = migratedConf(dir, { type, kubeconfig });
  if (migrated !== undefined) {
    if (migrated.text === migrated.before) return undefined;
    await place(migrated.path, migrated.text, 0o600);
    return `wrote ${migrated.path}, which \`plexus migrate\` has made`;
  }
  const [path, kept] = [join(dir, CONF), join(dir, KEPT)];
  const primary = primaryConf(dir);
  if (primary === undefined) {
    if (!fs.existsSync(path)) {
      return `wrote no conf: there is none of a default network in ${confDir} yet; call this again when there is, or give --watch`;
    }
    fs.renameSync(path, kept);
    return `removed ${path}, and kept its keys in ${kept}: there is no conf of a default network in ${confDir}`;
  }
  const { cniVersion = "1.0.0", capabilities, types } = readConf(join(dir, primary));
  requireTakeover(join(confDir, primary), types);
  const textOf = (file: string) => (fs.existsSync(file) ? fs.readFileSync(file, "utf8") : undefined);
  const written = textOf(path);
  const before = objectIn(written ?? textOf(kept) ?? "{}");
  if (before === undefined) {
    throw new Error(
      `cannot keep what you have added to ${written === undefined ? kept : path}: it is not a JSON object; mend it, or remove it`,
    );
  }
  const conf = {
    cniVersion,
    name: "plexus",
    type,
    ...(capabilities ? { capabilities } : {}),
    clusterNetwork: join(confDir, primary),
    ...Object.fromEntries(Object.entries(before).filter(([key]) => !MANAGED.includes(key))),
    ...(kubeconfig === "" ? {} : { kubeconfig }),
  };
  const text = `${JSON.stringify(conf, null, 2)}\n`;
  if (text === written) return undefined;
  await place(path, text, 0o600);
  fs.rmSync(kept, { force: true });
  return `wrote ${path}: the default network is that of ${primary}`;
}

/** Keys of the conf that `install` sets, each time; a kubeconfig, only if it is given one. */
const MANAGED = ["cniVersion", "name", "type", "capabilities", "clusterNetwork"];

function requireTakeover(primary: string, types: string[]): void {
  const meta = types.find((type) => META_PLUGINS.includes(type));
  if (meta !== undefined) {
    throw new Error(
      `cannot take over from ${primary}: it is the conf of ${meta}, which executes the default network itself; call ` +
        "`plexus migrate` if that is Multus, or move it away",
    );
  }
  if (basename(primary) < CONF) {
    throw new Error(
      `cannot take over from ${primary}: the runtime takes the first conf by name, and ${CONF} comes after it; give it a ` +
        "name that comes later",
    );
  }
}
