// From Plexus back to Multus. The runtime has Plexus's conf first until that is renamed away, and then Multus's.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { machineDisk } from "../../host/disk.ts";
import { difference } from "./diff.ts";
import { KEPT_DIR, MIGRATED_CONF } from "./migrated.ts";
import { type Conf, confsIn, type Found, foundAt, isMultus, isThick } from "./multus.ts";
import type { Migration } from "./options.ts";

/** Where the shim of Multus's daemon looks for it. */
const DAEMON_DIR = "/run/multus";

export async function migrateBack(migration: Migration): Promise<void> {
  const { confDir, root, isDryRun } = migration;
  const dir = join(root, confDir);
  const kept = join(dir, KEPT_DIR);
  const found = confsIn(dir);
  const ours = foundAt(dir, MIGRATED_CONF);
  if (ours === undefined) {
    throw new Error(
      `there is no ${confDir}/${MIGRATED_CONF}: this node has not been migrated, or is back already`,
    );
  }
  // What Multus's DaemonSet has written meanwhile is newer than what was there before.
  const present = found.filter(isMultus);
  const names = new Set(present.map(({ name }) => name));
  const stored = confsIn(kept).filter(({ name }) => !names.has(name));
  const others = found.filter(({ name }) => name !== MIGRATED_CONF);
  const [next] = [...others, ...stored].sort((one, other) => (one.name < other.name ? -1 : 1));
  if (next === undefined || !isMultus(next)) {
    const why = next === undefined ? "there is none" : `${next.name} would be the first one`;
    throw new Error(
      `there is no conf of Multus to go back to in ${confDir} or ${confDir}/${KEPT_DIR}: ${why}; apply Multus's DaemonSet, ` +
        "which writes one",
    );
  }
  await requireWorking(next, migration);
  console.log(`--- ${confDir}/${MIGRATED_CONF}`);
  console.log(`+++ ${confDir}/${next.name}`);
  console.log(difference(ours.text, JSON.stringify(next.conf, null, 2)));
  if (isDryRun) {
    console.log("nothing was written: --dry-run");
    return;
  }
  for (const { name } of stored) fs.renameSync(join(kept, name), join(dir, name)); // still after ours
  await machineDisk.syncDirectory(dir);
  fs.mkdirSync(kept, { recursive: true, mode: 0o700 });
  const away = join(kept, `.${MIGRATED_CONF}`);
  fs.renameSync(join(dir, MIGRATED_CONF), away); // the switch
  await machineDisk.syncDirectory(dir);
  fs.rmSync(kept, { recursive: true });
  console.log(
    `\nThis node is Multus's again: its conf is ${confDir}/${next.name}. Pods that Plexus has attached keep their networks, ` +
      "and Multus deletes them.\n\nNext, when all nodes are back, and Plexus's DaemonSet is deleted:\n    plexus uninstall",
  );
}

/** Throws if Multus could not attach a pod now. */
async function requireWorking(multus: Found, { root, installation }: Migration): Promise<void> {
  const [type = ""] = multus.types.filter((one) => one.startsWith("multus"));
  const program = join(installation.binDir, type);
  const why = `cannot go back to ${multus.name}`;
  const remedy = "apply Multus's DaemonSet, and wait until its pod runs on this node";
  if (!fs.existsSync(join(root, program))) throw new Error(`${why}: there is no ${program}; ${remedy}`);
  const [plugin = multus.conf] = Array.isArray(multus.conf.plugins) ? (multus.conf.plugins as Conf[]) : [];
  const { kubeconfig, daemonSocketDir } = plugin;
  if (typeof kubeconfig === "string" && kubeconfig !== "" && !fs.existsSync(join(root, kubeconfig)))
    throw new Error(`${why}: its kubeconfig ${kubeconfig} does not exist; ${remedy}`);
  if (root !== "/") return;
  const { status } = spawnSync(program, { env: { CNI_COMMAND: "VERSION" }, input: "{}", timeout: 30_000 });
  if (status !== 0) throw new Error(`${why}: ${program} does not answer VERSION; ${remedy}`);
  if (!isThick(multus)) return;
  const socket = join(typeof daemonSocketDir === "string" ? daemonSocketDir : DAEMON_DIR, "multus.sock");
  if (!(await listens(socket))) throw new Error(`${why}: nothing listens at ${socket}; ${remedy}`);
}

function listens(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket, () => {
      connection.destroy();
      resolve(true);
    });
    connection.once("error", () => resolve(false));
  });
}
