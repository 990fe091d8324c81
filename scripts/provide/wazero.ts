// Where tests get Go from, and wazero, which runs WebAssembly in Go: Debian's packages, unpacked into the user's cache with what
// Go has compiled of them.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cache, cachePath } from "./cache.ts";
import { run } from "./command.ts";
import { extract, fetchDebian } from "./debian.ts";

/** wazero asks for Go 1.25, golang.org/x/sys for 1.26: no stable Debian has it. */
const GO = "golang-1.26";
const TOOLS = {
  suite: "trixie-backports",
  packages: [`${GO}-go`, `${GO}-src`, "golang-golang-x-sys-dev"],
} as const;
const WAZERO = { suite: "sid", packages: ["golang-github-tetratelabs-wazero-dev"] } as const;
const NAME = `wazero-${GO}`;
const MODULE = "github.com/tetratelabs/wazero";

export interface Go {
  /** The directory of the executable `go`. */
  bin: string;
  /** What it needs in its environment, beside GOWORK. */
  env: Record<string, string>;
  /** Returns the text of a workspace, a file for GOWORK: in it the modules in `dirs` find wazero without a network. */
  workspace(dirs: readonly string[]): string;
}

/** Makes sure of Go and wazero, in the user's cache; without network where it has them. */
export function ensureWazero(): Go {
  return goIn(existsSync(cachePath(NAME)) ? cachePath(NAME) : cache(fetched));
}

function fetched(work: string): { dir: string; name: string } {
  const dir = join(work, "root");
  for (const wanted of [TOOLS, WAZERO]) {
    const apt = join(work, wanted.suite);
    mkdirSync(apt);
    extract(fetchDebian(apt, wanted), dir);
  }
  process.stderr.write("wazero: compiling it, once\n");
  const { bin, env, workspace } = goIn(dir);
  const GOWORK = join(work, "go.work");
  writeFileSync(GOWORK, workspace([]));
  run(join(bin, "go"), ["build", MODULE], { ...env, GOWORK }, work).must(); // what it compiles is kept
  return { dir, name: NAME };
}

function goIn(dir: string): Go {
  const sources = [MODULE, "golang.org/x/sys"].map((module) => join(dir, "usr/share/gocode/src", module));
  const goroot = join(dir, "usr/lib", GO.replace("golang", "go"));
  return {
    bin: join(goroot, "bin"),
    env: {
      GOROOT: goroot,
      GOPATH: join(dir, "path"),
      GOCACHE: join(dir, "compiled"),
      GOFLAGS: "-trimpath",
      GOTOOLCHAIN: "local",
      GOPROXY: "off",
      CGO_ENABLED: "0", // no C compiler needed
    },
    workspace: (dirs) =>
      `go 1.26.0\n${[...dirs, ...sources].map((path) => `use ${JSON.stringify(path)}\n`).join("")}`,
  };
}
