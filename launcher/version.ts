// What this build of Plexus is: for `plexus version`, and the labels of the metric plexus_build_info.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { getRawAsset, isSea } from "node:sea";

declare const VERSION: string; // by the build
declare const COMMIT: string;

/** All members are short texts without spaces. */
export interface Build {
  version: string;
  /** Of git, with `+changes` if the sources differ from it; `unknown` if the build had no repository. */
  commit: string;
  /** Of Node.js, without a `v`. */
  node: string;
  /** The first 12 digits of the SHA-256 of core.wasm, and of the plexus-shim that `install` writes. */
  core: string;
  shim: string;
}

/** Reads the whole shim: call it once. */
export function thisBuild(): Build {
  return {
    version: typeof VERSION === "string" ? VERSION : "unbuilt",
    commit: typeof COMMIT === "string" ? COMMIT : "unknown",
    node: process.versions.node,
    core: digestOf("core.wasm"),
    shim: digestOf("plexus-shim"),
  };
}

function digestOf(asset: string): string {
  const bytes = isSea()
    ? Buffer.from(getRawAsset(asset))
    : readFileSync(`${import.meta.dirname}/../build/${asset}`);
  return createHash("sha256").update(bytes).digest("hex").slice(0, 12);
}
