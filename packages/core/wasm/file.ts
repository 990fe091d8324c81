// The bytes of core.wasm, where files can be read: Node.js, Deno, Bun.
import { readFile } from "node:fs/promises";

/** Returns the bytes of core.wasm, for `new Core`. */
export async function wasm(): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(new URL("../core.wasm", import.meta.url)));
}
