// Large libraries, away from the main bundle: every byte of that is read at each start, and few calls use them.
// `launcher/**/<name>.lazy.ts` is bundled by scripts/build.ts with all it imports to build/lazy/<name>.cjs, an asset of
// the packaged binary. Types alone are shared, no classes: an `instanceof Fault` would not know the bundle's own copy.
import { readFileSync } from "node:fs";
import { getRawAsset, isSea } from "node:sea";
import { compileFunction } from "node:vm";
import { Code, Fault } from "./fault.ts";

const loaded = new Map<string, unknown>();

/**
 * What `<name>.lazy.ts` exports, evaluated at the first call:
 * `lazy<typeof import("./device/podresources.lazy.ts")>("podresources")`.
 */
export function lazy<Exports>(name: string): Exports {
  const before = loaded.get(name);
  if (before !== undefined) return before as Exports;
  const module = { exports: {} };
  // The bundles are ASCII: as Latin-1 they become strings without being decoded.
  const code = source(`lazy/${name}.cjs`).toString("latin1");
  const run = compileFunction(code, ["module", "exports", "require"], { filename: `lazy/${name}.cjs` });
  run(module, module.exports, builtin);
  loaded.set(name, module.exports);
  return module.exports as Exports;
}

function source(file: string): Buffer {
  if (isSea()) return Buffer.from(getRawAsset(file));
  return readFileSync(`${import.meta.dirname}/../build/${file}`); // from launcher/ and from build/plexus.cjs
}

/** Node's own modules; everything else is in the bundle, or an optional dependency that is left out. */
function builtin(id: string): unknown {
  const module = process.getBuiltinModule(id);
  if (module === undefined) throw new Fault(Code.internal, `Plexus was built without ${id}`);
  return module;
}
