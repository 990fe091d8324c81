// The bytes of the core: an asset of the packaged binary, or, of the bundle alone, the file beside it.
import { readFileSync } from "node:fs";
import { getRawAsset, isSea } from "node:sea";

/** Returns the bytes of core.wasm, or of lint.wasm. */
export function wasm(name: "core.wasm" | "lint.wasm" = "core.wasm"): BufferSource {
  return isSea() ? getRawAsset(name) : readFileSync(`${__dirname}/${name}`);
}
