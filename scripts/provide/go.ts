// Builds Go programs with Debian's compiler and Debian's packages of Go, beside the system.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { cache, cachePath } from "./cache.ts";
import { extract, fetchDebian } from "./debian.ts";

const SUITE = "bookworm";
const GO = "golang-1.19";

/**
 * Makes sure of a program, in the user's cache; without network where it has it.
 *
 * @param source the path of a Go file, which is the whole program
 * @param packages the Debian packages that it imports, and those that these do
 * @returns its path
 */
export function ensureGoProgram(source: string, packages: readonly string[]): string {
  const program = basename(source, ".go");
  const name = `${program}-${createHash("sha256").update(readFileSync(source)).digest("hex").slice(0, 12)}`;
  const dir = existsSync(cachePath(name)) ? cachePath(name) : built(source, program, name, packages);
  return join(dir, program);
}

function built(source: string, program: string, name: string, packages: readonly string[]): string {
  return cache((work) => {
    const [dir, root, own] = ["bin", "root", `go/src/${program}`].map((path) => join(work, path)) as [
      string,
      string,
      string,
    ];
    for (const path of [dir, own]) mkdirSync(path, { recursive: true });
    extract(fetchDebian(work, { suite: SUITE, packages: [`${GO}-go`, `${GO}-src`, ...packages] }), root);
    copyFileSync(source, join(own, "main.go"));
    const goroot = join(root, "usr/lib", GO.replace("golang", "go"));
    const { error, status } = spawnSync(
      join(goroot, "bin/go"),
      ["build", "-o", join(dir, program), program],
      {
        cwd: own,
        stdio: ["ignore", 2, 2],
        env: {
          ...process.env,
          GOROOT: goroot,
          GOPATH: `${join(work, "go")}:${join(root, "usr/share/gocode")}`,
          GOCACHE: join(work, "objects"),
          GOTMPDIR: work,
          GO111MODULE: "off",
          CGO_ENABLED: "0",
        },
      },
    );
    if (error || status !== 0) throw new Error(`${source} cannot be built: ${error?.message ?? "see above"}`);
    return { dir, name };
  });
}
