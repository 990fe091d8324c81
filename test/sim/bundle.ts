// The simulator with the launcher's code, bundled to run fast and in threads; and with defects in it, for those who look
// for them.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const WASM = `${ROOT}build/core.wasm`;

/** A change of a source file: the only place of `from` becomes `to`. */
export interface Patch {
  /** Its path in the repository. */
  file: string;
  from: string;
  to: string;
}

/**
 * Bundles a file of test/sim with all that it imports.
 *
 * @param name of the bundle
 * @returns the bundle's path. Rejects where a patch does not apply
 */
export async function bundle(name: string, patches: Patch[] = [], source = "worker.ts"): Promise<string> {
  const outfile = `${ROOT}build/sim/${name}.mjs`;
  await build({
    entryPoints: [`${ROOT}test/sim/${source}`],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile,
    logLevel: "error",
    sourcemap: "inline",
    // What launcher code that is not simulated loads in its own ways.
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url); const __dirname = "";',
    },
    plugins: [patching(patches)],
  });
  return outfile;
}

function patching(patches: Patch[]): Plugin {
  return {
    name: "patch",
    setup({ onLoad }) {
      for (const file of new Set(patches.map((patch) => patch.file))) {
        const path = `${ROOT}${file}`;
        const filter = new RegExp(`^${path.replaceAll(/[.\\/]/g, "\\$&")}$`);
        onLoad({ filter }, () => ({ contents: patched(path, file, patches), loader: "ts" }));
      }
    },
  };
}

function patched(path: string, file: string, patches: Patch[]): string {
  let text = readFileSync(path, "utf8");
  for (const { from, to } of patches.filter((patch) => patch.file === file)) {
    const places = text.split(from).length - 1;
    if (places !== 1) throw new Error(`a defect does not apply: ${file} has ${places} times: ${from}`);
    text = text.replace(from, () => to);
  }
  return text;
}
