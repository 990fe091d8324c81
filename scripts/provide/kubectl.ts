// Where tests get kubectl from, with the kustomize that is in it: Debian's own, beside the system.
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { cache, cachePath } from "./cache.ts";
import { extract, fetchDebian } from "./debian.ts";

/** Its kubectl, 1.32, is static; bookworm's, 1.20, has a kustomize that knows no `patches`. */
const SUITE = "trixie";
const NAME = `kubectl-${SUITE}`;

/**
 * Makes sure of kubectl, in the user's cache; without network where it has one.
 *
 * @returns its path
 */
export function ensureKubectl(): string {
  const dir = existsSync(cachePath(NAME)) ? cachePath(NAME) : fetched();
  return join(dir, "kubectl");
}

function fetched(): string {
  return cache((work) => {
    const [dir, root] = [join(work, "bin"), join(work, "root")];
    mkdirSync(dir);
    extract(fetchDebian(work, { suite: SUITE, packages: ["kubectl"] }), root);
    copyFileSync(join(root, "usr/bin/kubectl"), join(dir, "kubectl"));
    return { dir, name: NAME };
  });
}
