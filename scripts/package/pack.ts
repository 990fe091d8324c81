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
  fs.writeFileSync(file, gzipSync(textsFirst(gunzipSync(fs.readFileSync(file))), SMALLEST)); // 2.5 KB less than npm's
  return file;
}

const BLOCK_BYTES = 512;

/** Orders the files of a tar archive: behind the core, and its copy in a script, texts are too far from each other to be compressed together. */
function textsFirst(archive: Buffer): Buffer {
  const files: { name: string; bytes: Buffer }[] = [];
  let at = 0;
  while (archive[at] !== 0) {
    const [name = "", size = ""] = [
      archive.toString("latin1", at, at + 100),
      archive.toString("latin1", at + 124, at + 135),
    ];
    const end = at + BLOCK_BYTES * (1 + Math.ceil(Number.parseInt(size, 8) / BLOCK_BYTES));
    files.push({ name, bytes: archive.subarray(at, end) });
    at = end;
  }
  const isCore = ({ name }: { name: string }) => Number(/\/(core\.wasm|inline\.js)\0/.test(name));
  files.sort((one, other) => isCore(one) - isCore(other) || (one.name < other.name ? -1 : 1));
  return Buffer.concat([...files.map(({ bytes }) => bytes), archive.subarray(at)]);
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
