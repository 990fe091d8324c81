// `plexus uninstall`.
import * as fs from "node:fs";
import { join } from "node:path";
import { MIGRATED_CONF } from "../migrate/migrated.ts";
import { CONF, type Installation, KEPT } from "./installation.ts";
import { isWritten } from "./kubeconfig.ts";

/**
 * Removes the installed files, and the socket: a process that the shim has started ends without it. A kubeconfig that
 * `install` has not written stays.
 */
export function removeInstalled({ binDir, confDir, kubeconfig, root, socket }: Installation): void {
  const names = ["plexus-shim", "plexus-shim.conf", "plexus"].map((name) => join(binDir, name));
  // The conf first: from then on the runtime does without Plexus for new pods.
  const shimConf = join(root, binDir, "plexus-shim.conf");
  const text = fs.existsSync(shimConf) ? fs.readFileSync(shimConf, "utf8") : "";
  const used = /^socket (\/.*)$/m.exec(text)?.[1] ?? socket;
  const run = [used, `${used}.lock`];
  const own = kubeconfig !== "" && isWritten(join(root, kubeconfig)) ? [kubeconfig] : [];
  const confs = [MIGRATED_CONF, CONF, KEPT].map((name) => join(confDir, name));
  for (const path of [...confs, ...own, ...names, ...run]) {
    fs.rmSync(join(root, path), { force: true });
  }
}
