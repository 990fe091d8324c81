// What not every call needs, away from the entry: every byte of that is read at each start. scripts/build/build.ts bundles
// launcher/plugin.ts, and each large library by its `launcher/**/<name>.lazy.ts`, with all they import, to build/lazy/, and
// compiles them beforehand. Types alone are shared, no classes: an `instanceof Fault` would not know a bundle's own copy.
import { readFileSync } from "node:fs";
import { getRawAsset, isSea } from "node:sea";
import { Script } from "node:vm";

const loaded = new Map<string, unknown>();

/**
 * What a bundle exports, evaluated at the first call:
 * `lazy<typeof import("./device/podresources.lazy.ts")>("podresources")`.
 */
export function lazy<Exports>(name: string): Exports {
  const before = loaded.get(name);
  if (before !== undefined) return before as Exports;
  const module = { exports: {} };
  compile(name).runInThisContext()(module, module.exports, builtin, import.meta.dirname);
  loaded.set(name, module.exports);
  return module.exports as Exports;
}

/** A bundle is an expression: a function of `module, exports, require, __dirname`. */
function compile(name: string): Script {
  const code = file(`${name}.js`);
  if (code === undefined) throw new Error(`Plexus was built without ${name}`);
  const cachedData = file(`${name}.cache`);
  // The bundles are ASCII: as Latin-1 they become strings without being decoded.
  return new Script(code.toString("latin1"), {
    filename: `lazy/${name}.js`,
    ...(cachedData ? { cachedData } : {}),
  });
}

/** An asset of the packaged binary; of the bundle alone, a file beside it; from sources, the one that was built last. */
function file(name: string): Buffer | undefined {
  try {
    if (isSea()) return Buffer.from(getRawAsset(`lazy/${name}`));
    return readFileSync(`${import.meta.dirname}/../build/lazy/${name}`);
  } catch {
    return undefined; // a compiled one is there for the machine's architecture that it was built on only
  }
}

/** Node's own modules; everything else is in the bundle, or an optional dependency that is left out. */
function builtin(id: string): unknown {
  const module = process.getBuiltinModule(id);
  if (module === undefined) throw new Error(`Plexus was built without ${id}`);
  return module;
}
