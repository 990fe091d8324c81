// The npm package of the core: packages/core and build/core.wasm -> build/plexus-core-VERSION.tgz.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { deflateSync, gunzipSync, gzipSync } from "node:zlib";
import { type BuildOptions, build } from "esbuild";
import { documentTypes } from "./types.ts";

const root = join(import.meta.dirname, "../..");
const source = join(root, "packages/core");
/** What is packed. */
const stage = join(root, "build/plexus-core");
const { version } = JSON.parse(fs.readFileSync(join(root, "package.json"), "utf8")) as { version: string };
/** File in the package -> its source. */
const MODULES = { index: "package.ts", "wasm/file": "wasm/file.ts", "wasm/inline": "wasm/inline.ts" };

/** WebAssembly changes from part to part: small blocks fit it better. */
const SMALLEST = { level: 9, memLevel: 6 };

/** Makes the package. Returns its path. */
export async function packCore(): Promise<string> {
  fs.rmSync(stage, { recursive: true, force: true });
  fs.mkdirSync(stage, { recursive: true });
  for (const [name, from] of Object.entries(MODULES)) await compile(from, join(stage, `${name}.js`));
  declare();
  fs.writeFileSync(join(stage, "documents.d.ts"), documentTypes());
  fs.copyFileSync(join(root, "build/core.wasm"), join(stage, "core.wasm"));
  fs.copyFileSync(join(root, "LICENSE"), join(stage, "LICENSE"));
  fs.copyFileSync(join(source, "README.md"), join(stage, "README.md"));
  const { name, ...more } = JSON.parse(fs.readFileSync(join(source, "package.json"), "utf8"));
  fs.writeFileSync(join(stage, "package.json"), `${JSON.stringify({ name, version, ...more }, null, 2)}\n`);
  const args = ["pack", "--silent", "--ignore-scripts", "--pack-destination", join(root, "build"), stage];
  execFileSync("npm", args, { stdio: ["ignore", "ignore", "inherit"] });
  const file = join(root, `build/${name}-${version}.tgz`);
  fs.writeFileSync(file, gzipSync(gunzipSync(fs.readFileSync(file)), SMALLEST)); // 2 KB less than npm's
  return file;
}

async function compile(from: string, outfile: string): Promise<void> {
  const core = deflateSync(fs.readFileSync(join(root, "build/core.wasm")), SMALLEST).toString("base64");
  const options: BuildOptions = {
    entryPoints: [join(source, from)],
    outfile,
    bundle: true,
    format: "esm",
    platform: "neutral",
    external: ["node:*"],
    target: "es2022",
    minify: true, // the declarations have the names and comments
    define: { CORE: JSON.stringify(core) },
    logLevel: "warning",
  };
  await build(options);
}

/** Writes the declarations of all but the documents. */
function declare(): void {
  const config = join(stage, "tsconfig.json");
  const types = join(stage, "types");
  fs.writeFileSync(
    config,
    JSON.stringify({
      extends: join(root, "tsconfig.json"),
      compilerOptions: {
        noEmit: false,
        declaration: true,
        stripInternal: true,
        emitDeclarationOnly: true,
        outDir: types,
        rootDir: source,
        types: ["node"],
        typeRoots: [join(root, "node_modules/@types")],
      },
      include: [],
      files: Object.values(MODULES).map((name) => join(source, name)),
    }),
  );
  execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", config], { stdio: "inherit" });
  for (const [to, from] of [
    ["index.d.ts", "package.d.ts"],
    ["core.d.ts", "index.d.ts"],
    ["fault.d.ts", "fault.d.ts"],
    ["version.d.ts", "version.d.ts"],
    ["wasm/file.d.ts", "wasm/file.d.ts"],
    ["wasm/inline.d.ts", "wasm/inline.d.ts"],
  ] as const) {
    const text = fs.readFileSync(join(types, from), "utf8");
    fs.mkdirSync(dirname(join(stage, to)), { recursive: true });
    fs.writeFileSync(
      join(stage, to),
      text.replaceAll('"./index.ts"', '"./core.js"').replaceAll(/"(\.\/\w+)\.ts"/g, '"$1.js"'),
    );
  }
  fs.rmSync(types, { recursive: true });
  fs.rmSync(config);
}
