// What a node that has been migrated looks like: for `migrate`, and for `install` and `uninstall` after it.
import * as fs from "node:fs";
import { join } from "node:path";
import { objectIn, readNamed } from "../install/place.ts";
import type { Conf } from "./multus.ts";

/**
 * Plexus's conf where Multus's was. It comes before every conf of Multus's installers, so Multus's DaemonSet may write its own
 * again without effect; and these look for the default network's conf in *.conf and *.conflist alone, so they never take this
 * one for it, which would make Multus execute Plexus. Runtimes take .json too.
 */
export const MIGRATED_CONF = "00-0-plexus.json";
/** Below the runtime's directory of confs; no runtime looks there. Multus's conf, for the way back. */
export const KEPT_DIR = "plexus.d/multus";

export interface MigratedConf {
  path: string;
  conf: Conf;
}

/** Reads the conf of a node that has been migrated; undefined if it has not been. */
export function migratedConf(dir: string): MigratedConf | undefined {
  const path = join(dir, MIGRATED_CONF);
  if (!fs.existsSync(path)) return undefined;
  const conf = objectIn(readNamed(path));
  if (conf === undefined) throw new Error(`${path} is not a JSON object; mend it, or remove it`);
  return { path, conf };
}
