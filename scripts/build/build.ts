// Builds everything that ships: assembly/ -> build/core.wasm and build/lint.wasm, launcher/ -> build/plexus.cjs and
// build/lazy/*, and all of them -> build/plexus; launcher/shim/ -> build/plexus-shim. The
// tables of commands -> build/*.8, build/*.1 and build/*.md.
// `node scripts/build/build.ts [x64|arm64 ...]` packages for these architectures; by default for this machine's.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { main as compile, libraryFiles } from "assemblyscript/asc";
import { type BuildOptions, build } from "esbuild";
import { commitOf, timeOf } from "./commit.ts";
import { packLiterals } from "./literals.ts";
import { withVersion } from "./section.ts";
import { buildShim } from "./shim.ts";

const root = join(import.meta.dirname, "../..");
const require = createRequire(import.meta.url);
const { version } = JSON.parse(fs.readFileSync(join(root, "package.json"), "utf8")) as { version: string };
const commit = commitOf(root);
/** As mdoc(7) writes it. */
const date = new Date(timeOf(root) * 1000).toLocaleDateString("en-US", {
  dateStyle: "long",
  timeZone: "UTC",
});
const host = process.arch;
/** The modules of the core: what attaches pods, and what explains. Name in build/ -> entry. */
const wasmModules = { "core.wasm": "assembly/abi.ts", "lint.wasm": "assembly/lint/abi.ts" };
const bundle = join(root, "build/plexus.cjs");
/** What is bundled by itself, to be loaded when it is used: see launcher/lazy.ts. Name -> source. */
const lazyModules = new Map([
  ["plugin", "launcher/plugin.ts"],
  ["cli", "launcher/cli/cli.ts"],
  ["lint", "launcher/cli/lint.ts"],
  ["doctor", "launcher/cli/doctor/command.ts"],
  ["explain", "launcher/cli/explain/command.ts"],
  ["pods", "launcher/cli/pods/command.ts"],
  ["webhook", "launcher/webhook/webhook.ts"],
  ...fs
    .readdirSync(join(root, "launcher"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".lazy.ts"))
    .map((file): [string, string] => [basename(file, ".lazy.ts"), join("launcher", file)]),
]);
/** Name of the binary -> its manual page, and its page of docs/. */
const REFERENCES = [
  ["plexus", "plexus.8", "cli.md"],
  ["kubectl-plexus", "kubectl-plexus.1", "kubectl.md"],
] as const;
const lazyDir = join(root, "build/lazy");
/** For pkg to work in, and for what is downloaded for other architectures. */
const cache = join(root, "node_modules/.cache/plexus");

interface Lock {
  packages: Record<string, { version: string; integrity: string } | undefined>;
}
const lock = JSON.parse(fs.readFileSync(join(root, "package-lock.json"), "utf8")) as Lock;

/** What a CNI plugin does not need at start-up. Measured in docs/architecture.md. */
const NODE_FLAGS = [
  "--v8-pool-size=0",
  "--disable-sigusr1",
  "--openssl-config=/dev/null",
  "--use-openssl-ca",
  "--max-semi-space-size=4",
];

/** Makes V8's code caches the same in every build. It is not among the flags for which V8 refuses them. */
const SEEDED = "--random-seed=1";

const architectures = process.argv.length > 2 ? process.argv.slice(2) : [host];
for (const dir of [join(root, "build"), cache]) fs.mkdirSync(dir, { recursive: true });
for (const [name, entry] of Object.entries(wasmModules)) await compileCore(entry, built(name));
await bundleLauncher();
for (const [name, ...files] of REFERENCES) {
  for (const file of files) fs.writeFileSync(built(file), reference(name, file));
}
for (const arch of architectures) {
  buildShim(version, arch, built("plexus-shim", arch));
  packageFor(arch);
}

/** Returns the reference of commands, as the binary prints it under a name. */
function reference(name: string, file: string): string {
  const args = [bundle, "help", "--format", file.endsWith(".md") ? "markdown" : "man"];
  const { status, stdout, stderr } = spawnSync(nodeFor(host), args, { argv0: name, encoding: "utf8" });
  if (status !== 0) throw new Error(`${file} cannot be made: ${stderr}`);
  return stdout;
}

/** The path of a file that is built; of an executable for this machine by its name alone. */
function built(name: string, arch: string = host): string {
  return join(root, "build", arch === host ? name : `${name}-${arch}`);
}

async function compileCore(entry: string, wasm: string): Promise<void> {
  libraryFiles["rt/stub"] = ""; // AssemblyScript's allocator: assembly/text/arena.ts is there instead
  const args = [entry, "--config", "asconfig.json", "--baseDir", root, "--outFile", wasm];
  const { error } = await compile(args, { stdout: process.stdout, stderr: process.stderr });
  if (error) throw error;
  fs.writeFileSync(wasm, withVersion(packLiterals(fs.readFileSync(wasm)), basename(wasm), version));
}

async function bundleLauncher(): Promise<void> {
  fs.rmSync(lazyDir, { recursive: true, force: true });
  await bundleModule("launcher/main.ts", bundle, {});
  for (const [name, source] of lazyModules) {
    const file = join(lazyDir, `${name}.js`);
    const inputs = await bundleModule(source, file, {
      // What gRPC needs for a server's diagnostics, and loads only then.
      external: ["@grpc/proto-loader"],
      supported: { "dynamic-import": false }, // in a script there is only `require`
      legalComments: "none",
      banner: { js: "(function(module,exports,require,__dirname){" },
      footer: { js: "})" },
    });
    const others = [...lazyModules.values()].filter((other) => other !== source);
    const imported = others.find((other) => inputs.includes(other));
    if (imported) throw new Error(`${imported} is imported by ${source}, not loaded with lazy()`);
    // What a command throws is printed, whatever its class.
    const isCommand = source.startsWith("launcher/cli/");
    if (source.endsWith(".lazy.ts") && !isCommand && inputs.includes("packages/core/fault.ts")) {
      throw new Error(
        `${source} imports packages/core/fault.ts: its copy of Fault would be none to the launcher`,
      );
    }
    precompile(file);
  }
}

/** By a Node with the flags that it will run with: V8 refuses what was compiled with others. */
function precompile(file: string): void {
  const script = join(root, "scripts/build/precompile.cjs");
  execFileSync(nodeFor(host), [...NODE_FLAGS, SEEDED, script, file], { stdio: "inherit" });
}

/** Bundles a module with all it imports. Returns the sources that went in. */
async function bundleModule(entry: string, outfile: string, more: BuildOptions): Promise<string[]> {
  const { metafile } = await build({
    ...more,
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node24",
    define: {
      "import.meta.dirname": "__dirname",
      VERSION: JSON.stringify(version),
      COMMIT: JSON.stringify(commit),
      DATE: JSON.stringify(date),
    },
    minify: true,
    metafile: true,
    logLevel: "warning",
  });
  return Object.keys(metafile.inputs);
}

function packageFor(arch: string): void {
  const output = built("plexus", arch);
  const fresh = `${output}.new`;
  const job = {
    entry: bundle,
    nodePath: nodeFor(arch),
    target: { nodeRange: `node${nodeVersion(arch)}`, platform: "linux", arch, output: fresh },
    seaConfig: {
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      useCodeCache: arch === host, // one made on another architecture is refused at start, with a warning
      execArgv: NODE_FLAGS,
      execArgvExtension: "none", // NODE_OPTIONS of the caller is none of ours
      assets: {
        ...Object.fromEntries(Object.keys(wasmModules).map((name) => [name, built(name)])),
        "plexus-shim": built("plexus-shim", arch), // for `plexus install`
        ...lazyAssets(arch),
      },
    },
  };
  const env = {
    ...process.env,
    PATH: `${seededNode()}:${process.env.PATH}`, // the `node` that pkg executes writes what `arch`'s will read
    TMPDIR: cache, // pkg works there: what it calls `npx postject` is then the one of package-lock.json
  };
  execFileSync(nodeFor(host), [join(root, "scripts/build/pkg-sea.cjs"), JSON.stringify(job)], {
    cwd: root,
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
  fs.chmodSync(fresh, 0o755);
  fs.renameSync(fresh, output); // it may be executing
  console.log(`${output.slice(root.length + 1)}  ${Math.round(fs.statSync(output).size / 1e6)} MB`);
}

/** Returns a directory with a `node` for pkg, which gives it no flags. */
function seededNode(): string {
  const dir = join(cache, "seeded");
  fs.mkdirSync(dir, { recursive: true });
  const fresh = join(dir, `node.${process.pid}`);
  fs.writeFileSync(fresh, `#!/bin/sh\nexec "${nodeFor(host)}" ${SEEDED} "$@"\n`, { mode: 0o755 });
  fs.renameSync(fresh, join(dir, "node"));
  return dir;
}

/** The bundles; and compiled, where that was done on the same architecture. */
function lazyAssets(arch: string): Record<string, string> {
  const files = fs.readdirSync(lazyDir).filter((file) => file.endsWith(".js") || arch === host);
  return Object.fromEntries(files.map((file) => [`lazy/${file}`, join(lazyDir, file)]));
}

function nodeVersion(arch: string): string {
  const locked = lock.packages[`node_modules/node-linux-${arch}`];
  if (!locked)
    throw new Error(`there is no Node for ${arch} in package-lock.json: x64 and arm64 are supported`);
  return locked.version;
}

/** The path of the pinned Node for `arch`. */
function nodeFor(arch: string): string {
  return arch === host ? installedNode(arch) : downloadedNode(arch);
}

function installedNode(arch: string): string {
  return join(dirname(require.resolve(`node-linux-${arch}/package.json`)), "bin/node");
}

/** npm does not install a package for another architecture, but it fetches it; the lock file says what it must be. */
function downloadedNode(arch: string): string {
  const name = `node-linux-${arch}`;
  const node = join(cache, `${name}-${nodeVersion(arch)}`);
  if (fs.existsSync(node)) return node;
  const dir = join(cache, "download");
  fs.rmSync(dir, { recursive: true, force: true });
  fs.mkdirSync(dir, { recursive: true });
  const pack = ["pack", "--silent", `${name}@${nodeVersion(arch)}`];
  const file = execFileSync("npm", pack, { cwd: dir, encoding: "utf8" }).trim();
  const sum = createHash("sha512")
    .update(fs.readFileSync(join(dir, file)))
    .digest("base64");
  if (`sha512-${sum}` !== lock.packages[`node_modules/${name}`]?.integrity) {
    throw new Error(`${file} is not what package-lock.json says: sha512-${sum}`);
  }
  execFileSync("tar", ["-xzf", file, "package/bin/node"], { cwd: dir });
  fs.renameSync(join(dir, "package/bin/node"), node);
  return node;
}
