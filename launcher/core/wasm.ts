// The bytes of the core: an asset of the packaged binary, or, of the bundle alone, the file beside it.
import { readFileSync } from "node:fs";
import { getRawAsset, isSea } from "node:sea";

/** Returns the bytes of core.wasm. */
export function wasm(): BufferSource {
  return isSea() ? getRawAsset("core.wasm") : readFileSync(`${__dirname}/core.wasm`);
}
