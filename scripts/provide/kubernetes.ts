// Where tests get Kubernetes from: the user's own executables, or those built here from Debian's source package.
import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { cache, cachePath } from "./cache.ts";
import { run } from "./command.ts";
import { extract, fetchDebian } from "./debian.ts";

/** The last suite with a source package of all of Kubernetes; the package carries everything that it needs but Go. */
const SUITE = "bookworm";
const VERSION = "1.20.2";
const GO = "golang-1.19";
/** The one in the source package crashes, from Go 1.18 on, in every walk through a map. */
const REFLECT = { package: "golang-github-modern-go-reflect2-dev", path: "github.com/modern-go/reflect2" };
const OPENAPI = "pkg/generated/openapi";

/**
 * Makes sure of an executable of Kubernetes. The directory KUBEBUILDER_ASSETS counts first, where it has it (the
 * convention of controller-runtime's envtest); else all three are built into the user's cache, once: minutes, 3 GB of
 * disk in the meantime, and network. Needs neither root nor any package installed.
 *
 * @returns the executable's path
 */
export function ensureKubernetes(name: "kube-apiserver" | "kubelet" | "etcd"): string {
  const own = process.env.KUBEBUILDER_ASSETS;
  if (own && existsSync(join(own, name))) return join(own, name);
  if (own && name === "kubelet" && existsSync(join(own, "kube-apiserver"))) {
    throw new Error(
      `${own} (KUBEBUILDER_ASSETS) has a kube-apiserver, but not its kubelet: put that beside it`,
    );
  }
  const cached = cachePath(`kubernetes-${VERSION}`);
  return join(existsSync(cached) ? cached : cache(build), name);
}

/** The minor version of an executable: 36 for v1.36.2. */
export function kubernetesMinor(name: "kube-apiserver" | "kubelet"): number {
  const { stdout } = run(ensureKubernetes(name), ["--version"]).must();
  const [, minor] = /^Kubernetes v1\.(\d+)/.exec(stdout) ?? [];
  if (minor === undefined) throw new Error(`${name} --version printed ${stdout}, which is not a version`);
  return Number(minor);
}

/** Do the user's own servers serve devices by claims: `resource.k8s.io/v1`, since 1.34? Those built here do not. */
export function servesClaims(): boolean {
  return areSince(34);
}

/** Do they bind tokens to nodes, since 1.32? */
export function bindsTokensToNodes(): boolean {
  return areSince(32);
}

function areSince(minor: number): boolean {
  const own = process.env.KUBEBUILDER_ASSETS ?? "";
  const given = (["kube-apiserver", "kubelet"] as const).filter((name) => existsSync(join(own, name)));
  return (
    own !== "" && given.includes("kube-apiserver") && given.every((name) => kubernetesMinor(name) >= minor)
  );
}

function build(work: string): { dir: string; name: string } {
  const dir = join(work, "bin");
  const root = join(work, "root");
  const tree = join(work, "go/src/k8s.io/kubernetes");
  for (const path of [dir, tree]) mkdirSync(path, { recursive: true });

  const packages = [`${GO}-go`, `${GO}-src`, REFLECT.package, "etcd-server"];
  const files = fetchDebian(work, { suite: SUITE, packages, sources: ["kubernetes"] });
  const upstream = files.pop() ?? "";
  if (!upstream.includes(VERSION)) throw new Error(`${SUITE} has Kubernetes ${upstream}, not ${VERSION}`);
  extract(files, root);
  copyFileSync(join(root, "usr/bin/etcd"), join(dir, "etcd"));
  must("tar", ["--extract", "--strip-components=1", "--file", upstream], tree);
  const reflect = join(tree, "vendor", REFLECT.path);
  rmSync(reflect, { recursive: true });
  cpSync(join(root, "usr/share/gocode/src", REFLECT.path), reflect, { recursive: true });

  say(`building kube-apiserver and kubelet ${VERSION}, once: this takes minutes`);
  const goroot = join(root, "usr/lib", GO.replace("golang", "go"));
  const env = {
    ...process.env,
    GOROOT: goroot,
    GOPATH: join(work, "go"),
    GOCACHE: join(work, "objects"),
    GOTMPDIR: work,
    GO111MODULE: "off",
    GOFLAGS: "-trimpath",
    CGO_ENABLED: "0", // no C compiler needed
  };
  const go = (...args: string[]) => must(join(goroot, "bin/go"), args, tree, env);
  // Of the generated sources it is only these that the package is without.
  const generator = join(work, "openapi-gen");
  go("build", "-o", generator, "./vendor/k8s.io/kube-openapi/cmd/openapi-gen");
  must(
    generator,
    [
      ...["--logtostderr", "--go-header-file", "vendor/k8s.io/code-generator/hack/boilerplate.go.txt"],
      ...["--output-file-base", "zz_generated.openapi", "--output-package", `k8s.io/kubernetes/${OPENAPI}`],
      ...["--report-filename", join(work, "violations")],
      ...["--input-dirs", described(tree).join(",")],
    ],
    tree,
    env,
  );
  say("the generated sources are there: compiling");
  const [major, minor] = VERSION.split(".");
  const version = Object.entries({ gitVersion: `v${VERSION}`, gitMajor: major, gitMinor: minor }).map(
    ([name, value]) => `-X k8s.io/kubernetes/vendor/k8s.io/component-base/version.${name}=${value}`,
  );
  const flags = ["-s", "-w", ...version].join(" ");
  go("build", "-o", `${dir}/`, "-ldflags", flags, "./cmd/kube-apiserver", "./cmd/kubelet");
  return { dir, name: `kubernetes-${VERSION}` };
}

/** The Go packages whose types are to be described in OpenAPI, as Kubernetes's own Makefile finds them. */
function described(tree: string): string[] {
  const roots = [
    "pkg",
    "cmd",
    ...readdirSync(join(tree, "vendor/k8s.io")).map((one) => `vendor/k8s.io/${one}`),
  ];
  const found = new Set<string>();
  for (const root of roots.filter((root) => !/\/(code-generator|sample-apiserver)$/.test(root))) {
    const names = readdirSync(join(tree, root), { recursive: true, encoding: "utf8" });
    for (const name of names.filter((name) => name.endsWith(".go"))) {
      const text = readFileSync(join(tree, root, name), "utf8");
      if (/^\/\/ *\+k8s:openapi-gen=/m.test(text)) found.add(`k8s.io/kubernetes/${root}/${dirname(name)}`);
    }
  }
  return [...found].sort();
}

function must(command: string, args: string[], cwd: string, env: NodeJS.ProcessEnv = process.env): void {
  const { error, status, signal } = spawnSync(command, args, { cwd, env, stdio: ["ignore", 2, 2] });
  if (error) throw new Error(`${command} cannot be executed: ${error.message}`);
  if (status !== 0) throw new Error(`${command} ${args[0]}: ended with ${signal ?? status}, see above`);
}

function say(what: string): void {
  process.stderr.write(`kubernetes: ${what}\n`);
}
