// The plugins of this machine, for what is said of a node before a pod runs.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Returns the names of the executable files in a directory: Host.find finds no others. Throws if it cannot be read. */
export function pluginsIn(dir: string): string[] {
  return readdirSync(dir).filter((name) => {
    const status = statSync(join(dir, name), { throwIfNoEntry: false });
    return status?.isFile() && (status.mode & 0o111) !== 0;
  });
}
