// Where tests get the Flannel CNI plugin from: the newest Debian that has it is bullseye.
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { cache, cachePath } from "./cache.ts";
import { extract, fetchDebian } from "./debian.ts";

const SUITE = "bullseye";
const NAME = `flannel-${SUITE}`;

/**
 * Makes sure of the plugin, in the user's cache; without network where it has one.
 *
 * @returns its path
 */
export function ensureFlannel(): string {
  const dir = existsSync(cachePath(NAME)) ? cachePath(NAME) : fetched();
  return join(dir, "flannel");
}

function fetched(): string {
  return cache((work) => {
    const [dir, root] = [join(work, "bin"), join(work, "root")];
    mkdirSync(dir);
    extract(fetchDebian(work, { suite: SUITE, packages: ["containernetworking-plugins"] }), root);
    copyFileSync(join(root, "usr/lib/cni/flannel"), join(dir, "flannel"));
    return { dir, name: NAME };
  });
}
