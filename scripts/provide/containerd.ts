// Where tests get a container runtime from: Debian's containerd, runc and a static busybox, beside the system, so that
// neither a service is started nor another package's containerd replaced.
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { cache, cachePath } from "./cache.ts";
import { ensurePackages, extract, fetchDebian } from "./debian.ts";

/** Its containerd, 1.6, speaks CRI v1 and v1alpha2, so kubelets from 1.20 on can be with it. */
const SUITE = "bookworm";
const PACKAGES = ["containerd", "runc", "busybox-static"] as const;
const EXECUTABLES = [
  "usr/bin/containerd",
  "usr/bin/containerd-shim-runc-v2",
  "usr/bin/ctr",
  "usr/sbin/runc",
  "bin/busybox",
] as const;

/**
 * Makes sure of a container runtime, in the user's cache; without network where it has one.
 *
 * @returns the directory with containerd, containerd-shim-runc-v2, ctr, runc and busybox
 */
export function ensureContainerd(): string {
  ensurePackages(["libseccomp2"]); // runc's only library beside the C library
  const name = `containerd-${SUITE}`;
  if (existsSync(cachePath(name))) return cachePath(name);
  return cache((work) => {
    const [dir, root] = [join(work, "bin"), join(work, "root")];
    mkdirSync(dir);
    extract(fetchDebian(work, { suite: SUITE, packages: PACKAGES }), root);
    for (const path of EXECUTABLES) copyFileSync(join(root, path), join(dir, basename(path)));
    return { dir, name };
  });
}
