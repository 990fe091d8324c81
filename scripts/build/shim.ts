// Compiles the shim: launcher/shim/*.c -> one static executable.
import { execFileSync } from "node:child_process";
import { readdirSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ensurePackages } from "../provide/debian.ts";

const sources = fileURLToPath(new URL("../../launcher/shim/", import.meta.url));
const STRICT = [
  "-std=gnu17",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-Wconversion",
  "-Wshadow",
  "-Wstrict-prototypes",
];
/** musl's start-up costs 0.3 ms, glibc's 0.7; of musl Debian has the machine's own architecture only. */
const COMPILERS: Record<string, { command: string; packages: string[] }> = {
  native: { command: "musl-gcc", packages: ["gcc", "musl-tools"] },
  arm64: { command: "aarch64-linux-gnu-gcc", packages: ["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"] },
  x64: { command: "x86_64-linux-gnu-gcc", packages: ["gcc-x86-64-linux-gnu", "libc6-dev-amd64-cross"] },
};

/** @param arch as Node names it */
export function buildShim(version: string, arch: string, output: string): void {
  const compiler = COMPILERS[arch === process.arch ? "native" : arch];
  if (!compiler) throw new Error(`there is no compiler for ${arch}`);
  ensurePackages(compiler.packages);
  compile(compiler.command, [...STRICT, "-Os", "-flto", "-static", "-s", ...define(version)], output);
}

/** One that reports every error of memory or arithmetic, for tests. */
export function buildSanitizedShim(version: string, output: string): void {
  ensurePackages(["gcc", "libc6-dev"]);
  const sanitizers = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
  compile("gcc", [...STRICT, ...sanitizers, ...define(version)], output);
}

function compile(command: string, flags: string[], output: string): void {
  const files = readdirSync(sources).filter((name) => name.endsWith(".c"));
  execFileSync(command, [...flags, "-o", `${output}.new`, ...files], { cwd: sources, stdio: "inherit" });
  renameSync(`${output}.new`, output); // it may be executing
}

function define(version: string): string[] {
  return [`-DSHIM_VERSION="${version}"`];
}
