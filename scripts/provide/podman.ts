// Where tests get podman from: bookworm's, beside the system, so that no service of it is started. It is the last with CNI.
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { cache, cachePath } from "./cache.ts";
import { run } from "./command.ts";
import { ensureContainerd } from "./containerd.ts";
import { ensurePackages, extract, fetchDebian } from "./debian.ts";

const SUITE = "bookworm";
const NAME = `podman-${SUITE}`;
const EXECUTABLES = ["usr/bin/podman", "usr/bin/conmon"] as const;
/** What these are linked to. */
const LIBRARIES = [
  "libdevmapper1.02.1",
  "libglib2.0-0",
  "libgpgme11",
  "libseccomp2",
  "libsubid4",
  "libsystemd0",
] as const;

/** Paths of executables. */
export interface Podman {
  podman: string;
  conmon: string;
  runc: string;
  /** A static one, for a container to be made of. */
  busybox: string;
}

/** Makes sure of podman, in the user's cache; without network where it has one. */
export function ensurePodman(): Podman {
  ensurePackages(LIBRARIES);
  const tools = ensureContainerd();
  const dir = existsSync(cachePath(NAME)) ? cachePath(NAME) : fetched();
  return {
    podman: join(dir, "podman"),
    conmon: join(dir, "conmon"),
    runc: join(tools, "runc"),
    busybox: join(tools, "busybox"),
  };
}

function fetched(): string {
  return cache((work) => {
    const [dir, root] = [join(work, "bin"), join(work, "root")];
    mkdirSync(dir);
    extract(fetchDebian(work, { suite: SUITE, packages: ["podman", "conmon"] }), root);
    for (const path of EXECUTABLES) copyFileSync(join(root, path), join(dir, basename(path)));
    for (const path of EXECUTABLES) run(join(dir, basename(path)), ["--version"]).must(); // do the libraries do?
    return { dir, name: NAME };
  });
}
