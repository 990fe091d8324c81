// Where tests get a container runtime from: Debian's containerd, runc and a static busybox, beside the system, so that
// neither a service is started nor another package's containerd replaced.
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { cache, cachePath } from "./cache.ts";
import { run } from "./command.ts";
import { ensurePackages, extract, fetchDebian } from "./debian.ts";

/** Its containerd, 1.6, speaks CRI v1 and v1alpha2, so kubelets from 1.20 on can be with it. */
const SUITE = "bookworm";
/** Its containerd 2 speaks CRI v1 alone, and may need a newer C library than this machine's. */
const NEWER = { suite: "sid", sinceKubelet: 30 } as const;
const CONTAINERD = ["usr/bin/containerd", "usr/bin/containerd-shim-runc-v2", "usr/bin/ctr"] as const;
const OTHERS = ["usr/sbin/runc", "bin/busybox"] as const; // sid's runc needs a libc that bookworm has not

/**
 * Makes sure of a container runtime, in the user's cache; without network where it has one.
 *
 * @param kubelet the minor version of the kubelet that it is for: from 1.30 on it gets containerd 2, where that runs
 * @returns the directory with containerd, containerd-shim-runc-v2, ctr, runc and busybox
 */
export function ensureContainerd(kubelet = 0): string {
  ensurePackages(["libseccomp2"]); // runc's only library beside the C library
  const name = `containerd-${SUITE}`;
  const older = existsSync(cachePath(name)) ? cachePath(name) : cache(fetched);
  return kubelet < NEWER.sinceKubelet ? older : (newer(older) ?? older);
}

function fetched(work: string): { dir: string; name: string } {
  const [dir, root] = [join(work, "bin"), join(work, "root")];
  mkdirSync(dir);
  extract(fetchDebian(work, { suite: SUITE, packages: ["containerd", "runc", "busybox-static"] }), root);
  for (const path of [...CONTAINERD, ...OTHERS]) copyFileSync(join(root, path), join(dir, basename(path)));
  return { dir, name: `containerd-${SUITE}` };
}

/** The same with containerd 2; undefined if it does not run here. */
function newer(older: string): string | undefined {
  const name = `containerd-${NEWER.suite}`;
  const dir = existsSync(cachePath(name))
    ? cachePath(name)
    : cache((work) => fetchedNewer(work, name, older));
  const { failed, stderr } = run(join(dir, "containerd"), ["--version"]);
  if (!failed) return dir;
  process.stderr.write(`containerd: that of ${NEWER.suite} does not run here: ${stderr.trim()}\n`);
  return undefined;
}

function fetchedNewer(work: string, name: string, older: string): { dir: string; name: string } {
  const [dir, root] = [join(work, "bin"), join(work, "root")];
  mkdirSync(dir);
  extract(fetchDebian(work, { suite: NEWER.suite, packages: ["containerd"] }), root);
  for (const path of CONTAINERD) copyFileSync(join(root, path), join(dir, basename(path)));
  for (const path of OTHERS) copyFileSync(join(older, basename(path)), join(dir, basename(path)));
  return { dir, name };
}
