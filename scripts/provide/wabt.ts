// Where tests get wasm2c from, which makes C of WebAssembly: Debian's package, unpacked into the user's cache.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cache, cachePath } from "./cache.ts";
import { extract, fetchDebian } from "./debian.ts";

/** The suite whose wasm2c examples/c is written for: later ones name functions in another way. */
const SUITE = "bookworm";
const NAME = `wabt-${SUITE}`;

/**
 * Makes sure of wasm2c, in the user's cache; without network where it has it.
 *
 * @returns the directory in which its package is unpacked
 */
export function ensureWabt(): string {
  if (existsSync(cachePath(NAME))) return cachePath(NAME);
  return cache((work) => {
    const dir = join(work, "root");
    extract(fetchDebian(work, { suite: SUITE, packages: ["wabt"] }), dir);
    return { dir, name: NAME };
  });
}
