// Bundles: what not every call needs, kept out of the entry, as every byte of that is read at each start.
// scripts/build/build.ts bundles launcher/plugin.ts, launcher/cli/cli.ts, the commands that have one of their own, and each `launcher/**/<name>.lazy.ts`, with all that
// they import, to build/lazy/, and compiles them beforehand. Bundles share types alone: each has its own copy of a class, so
// `instanceof Fault` would not recognise another bundle's.
import { readFileSync } from "node:fs";
import { getRawAsset, isSea } from "node:sea";
import { Script } from "node:vm";

/** Name of a bundle -> its exports. */
interface Bundles {
  plugin: typeof import("./plugin.ts");
  cli: typeof import("./cli/cli.ts");
  lint: typeof import("./cli/lint.ts");
  doctor: typeof import("./cli/doctor/command.ts");
  explain: typeof import("./cli/explain/command.ts");
  pods: typeof import("./cli/pods/command.ts");
  authprovider: typeof import("./cluster/authprovider.lazy.ts");
  exec: typeof import("./cluster/exec.lazy.ts");
  socks: typeof import("./cluster/socks.lazy.ts");
  yaml: typeof import("./cluster/yaml.lazy.ts");
  grpc: typeof import("./host/grpc.lazy.ts");
  podresources: typeof import("./device/podresources.lazy.ts");
  webhook: typeof import("./webhook/webhook.ts");
  x509: typeof import("./webhook/x509.lazy.ts");
  metrics: typeof import("./resident/metrics.lazy.ts");
}

const loaded = new Map<string, unknown>();

/** Returns what a bundle exports. The first call evaluates it. */
export function lazy<Name extends keyof Bundles>(name: Name): Bundles[Name] {
  const before = loaded.get(name);
  if (before !== undefined) return before as Bundles[Name];
  const module = { exports: {} };
  compile(name).runInThisContext()(module, module.exports, builtin, import.meta.dirname);
  loaded.set(name, module.exports);
  return module.exports as Bundles[Name];
}

/** Compiles a bundle: an expression, a function of `module, exports, require, __dirname`. */
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

/** Reads an asset of the packaged binary; for the bundle alone, a file beside it; from sources, the one built last. */
function file(name: string): Buffer | undefined {
  try {
    if (isSea()) return Buffer.from(getRawAsset(`lazy/${name}`));
    return readFileSync(`${import.meta.dirname}/../build/lazy/${name}`);
  } catch {
    return undefined; // a compiled one is there only for the architecture of the machine that has built it
  }
}

/** Returns a module of Node. All others are in the bundle, or are optional dependencies, which are left out. */
function builtin(id: string): unknown {
  const module = process.getBuiltinModule(id);
  if (module === undefined) throw new Error(`Plexus was built without ${id}`);
  return module;
}
