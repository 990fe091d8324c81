// What tests and the demo need of Debian: packages installed, and those of other suites beside the system.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { apt, ownState } from "./apt.ts";
import { cache, cachedNames, cachePath } from "./cache.ts";
import { run } from "./command.ts";

/** Bookworm has 1.1.1, which knows neither STATUS nor GC; sid's 1.9.1 runs on bookworm's libc. */
const PLUGINS = { package: "containernetworking-plugins", suite: "sid", atLeast: [1, 9] } as const;
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * Makes sure that Debian packages are installed; a few milliseconds where they are. Needs root where one is not.
 *
 * @param names of binary packages
 */
export function ensurePackages(names: readonly string[]): void {
  const format = `\${Package} \${db:Status-Status}\n`;
  const installed = new Set(run("dpkg-query", ["--show", "--showformat", format, ...names]).lines);
  const missing = names.filter((name) => !installed.has(`${name} installed`));
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) {
    throw new Error(`Debian packages are missing: install them, or run this as root: ${missing.join(" ")}`);
  }
  say(`installing ${missing.join(", ")}`);
  const update = apt(["update"]); // it fails for any broken source, of which nothing may be needed
  const install = apt(["install", "--yes", "--no-install-recommends", ...missing]);
  if (install === undefined) return;
  throw new Error([install, ...(update === undefined ? [] : [update])].join("\n"));
}

/**
 * Makes sure of the reference CNI plugins, 1.9 or newer, in the user's cache; without network where it has them.
 *
 * @returns the directory with the plugins, for CNI_PATH
 */
export function ensurePlugins(): string {
  const prefix = "cni-plugins-";
  const [cached] = cachedNames()
    .filter((name) => name.startsWith(prefix) && isRecent(name.slice(prefix.length)))
    .sort((a, b) => compareVersions(b, a));
  if (cached !== undefined) return cachePath(cached);

  return cache((work) => {
    const [deb = ""] = fetchDebian(work, { suite: PLUGINS.suite, packages: [PLUGINS.package] });
    const version = run("dpkg-deb", ["--field", deb, "Version"]).must().stdout.trim();
    if (!isRecent(version)) throw new Error(`${PLUGINS.package} of ${PLUGINS.suite} is only ${version}`);
    extract([deb], join(work, "root"));
    const dir = join(work, "root/usr/lib/cni");
    run(join(dir, "bridge"), [], { CNI_COMMAND: "VERSION" }).must(); // does this machine's libc do?
    return { dir, name: prefix + version };
  });
}

/** What to fetch of one suite. */
export interface Wanted {
  suite: string;
  /** Names of binary packages. */
  packages?: readonly string[];
  /** For which architectures, as Debian names them; for this machine's unless given. */
  architectures?: readonly string[];
  /** Names of source packages. */
  sources?: readonly string[];
}

/**
 * Fetches packages from the mirror this machine uses, and verifies that Debian signed them. Nothing of the system's
 * changes: apt works with a state of its own. Needs no root.
 *
 * @param work a directory, for the files and for apt's state
 * @returns the paths of the binary packages' files, in the order asked for, and then of the sources' upstream tars
 */
export function fetchDebian(
  work: string,
  { suite, packages = [], architectures = [], sources = [] }: Wanted,
): string[] {
  if (!existsSync(KEYRING)) {
    throw new Error(`${KEYRING} is not there, so nothing can be verified: install debian-archive-keyring`);
  }
  say(`fetching ${[...packages, ...sources].join(", ")} from ${suite}`);
  const kinds = [...(packages.length > 0 ? ["deb"] : []), ...(sources.length > 0 ? ["deb-src"] : [])];
  const uri = mirror();
  const own = ownState(
    work,
    kinds.map((kind) => `${kind} [signed-by=${KEYRING}] ${uri} ${suite} main`),
    architectures,
  );
  const wanted = architectures.length === 0 ? packages : across(packages, architectures);
  const must = (args: string[]) => {
    const failure = apt(args, own);
    if (failure !== undefined) throw new Error(failure);
  };
  must(["update"]);
  if (packages.length > 0) must(["download", ...wanted]);
  // The upstream tar alone: unpacking the whole needs dpkg-dev.
  if (sources.length > 0) must(["source", "--download-only", "--tar-only", ...sources]);

  const files = readdirSync(work);
  const found = (asked: string, what: RegExp) => {
    const [name, end = ""] = asked.split(":");
    const isIt = (file: string) => file.startsWith(`${name}_`) && what.test(file);
    const file = files.find((file) => isIt(file) && (end === "" || file.endsWith(`_${end}.deb`)));
    if (file === undefined) throw new Error(`apt-get left no file for ${asked} of ${suite}`);
    return join(work, file);
  };
  return [
    ...wanted.map((name) => found(name, /\.deb$/)),
    ...sources.map((name) => found(name, /\.orig\.tar\.\w+$/)),
  ];
}

function across(names: readonly string[], ends: readonly string[]): string[] {
  return ends.flatMap((end) => names.map((name) => `${name}:${end}`));
}

/** Unpacks binary packages' files into a directory, without installing them. */
export function extract(debs: readonly string[], root: string): void {
  for (const deb of debs) run("dpkg-deb", ["--extract", deb, root]).must();
}

/** Where this machine gets Debian from: apt itself reads its sources, whatever their format. */
function mirror(): string {
  const sources = () =>
    run("apt-get", ["indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages"])
      .lines.filter((line) => line.startsWith("Debian|Debian|"))
      .map((line) => line.split("|")[2]);
  let [uri] = sources();
  if (uri === undefined) {
    apt(["update"]); // a fresh machine does not know yet what its sources are
    [uri] = sources();
  }
  if (uri === undefined) throw new Error("apt has no source that is Debian's main archive: add one");
  return uri;
}

function isRecent(version: string): boolean {
  return compareVersions(version, PLUGINS.atLeast.join(".")) >= 0;
}

function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

function say(what: string): void {
  process.stderr.write(`debian: ${what}\n`);
}
