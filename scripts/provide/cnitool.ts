// Where tests get cnitool from, the client of libcni's own: built from Debian's source package, as no Debian has it built.
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { cache, cachePath } from "./cache.ts";
import { run } from "./command.ts";
import { extract, fetchDebian } from "./debian.ts";

/** The only suite whose cnitool has GC and STATUS. */
const SUITE = "sid";
const SOURCE = "golang-github-appc-cni";
/** What it is built with, of a suite that does not move. */
const GO = "golang-1.24";
const TOOLS = {
  suite: "trixie",
  packages: [`${GO}-go`, `${GO}-src`, "golang-github-vishvananda-netns-dev", "golang-golang-x-sys-dev"],
} as const;
const NAME = `cnitool-${SUITE}`;
const MODULE = "github.com/containernetworking/cni";

/**
 * Makes sure of cnitool, in the user's cache; without network where it has one.
 *
 * @returns its path
 */
export function ensureCnitool(): string {
  const dir = existsSync(cachePath(NAME)) ? cachePath(NAME) : cache(build);
  return join(dir, "cnitool");
}

function build(work: string): { dir: string; name: string } {
  const [dir, root, gopath] = [join(work, "bin"), join(work, "root"), join(work, "go")];
  const tree = join(gopath, "src", MODULE);
  const apt = ["source", "tools"].map((name) => join(work, name));
  for (const path of [dir, tree, ...apt]) mkdirSync(path, { recursive: true });
  const [upstream = ""] = fetchDebian(apt[0] ?? "", { suite: SUITE, sources: [SOURCE] });
  extract(fetchDebian(apt[1] ?? "", TOOLS), root);
  run("tar", ["--extract", "--strip-components=1", "--file", upstream], {}, tree).must();
  cpSync(join(root, "usr/share/gocode/src"), join(gopath, "src"), { recursive: true });
  const goroot = join(root, "usr/lib", GO.replace("golang", "go"));
  const env = {
    GOROOT: goroot,
    GOPATH: gopath,
    GOCACHE: join(work, "objects"),
    GOTMPDIR: work,
    GOTOOLCHAIN: "local",
    GO111MODULE: "off",
    GOFLAGS: "-trimpath",
    CGO_ENABLED: "0", // no C compiler needed
  };
  run(join(goroot, "bin/go"), ["build", "-o", `${dir}/`, `${MODULE}/cnitool`], env, work).must();
  return { dir, name: NAME };
}
