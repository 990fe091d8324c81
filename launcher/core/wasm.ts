// The bytes of the core: inside the bundle, put there by scripts/build.ts.
import bytes from "../../build/core.wasm";

export function wasm(): Uint8Array<ArrayBuffer> {
  return bytes;
}
