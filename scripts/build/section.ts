// The custom section `plexus` of the core's modules: which one it is, for whoever has the file alone. WebAssembly.Module.customSections
// reads it, and any tool for WebAssembly.
import { ABI, SCHEMA, SECTION, type Version } from "../../packages/core/version.ts";

const CUSTOM = 0;

/** Returns the module with the section at its end. */
export function withVersion(module: Uint8Array, name: string, version: string): Uint8Array {
  const said: Version = { name, version, abi: ABI, schema: SCHEMA };
  const content = [sized(Buffer.from(SECTION)), Buffer.from(JSON.stringify(said))];
  return Buffer.concat([module, Uint8Array.of(CUSTOM), sized(Buffer.concat(content))]);
}

/** Puts the length before the bytes, as LEB128. */
function sized(bytes: Uint8Array): Uint8Array {
  const length: number[] = [];
  let left = bytes.length;
  for (; left > 0x7f; left >>>= 7) length.push((left & 0x7f) | 0x80);
  return Buffer.concat([Uint8Array.of(...length, left), bytes]);
}
