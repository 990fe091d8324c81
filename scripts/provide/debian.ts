// What tests and the demo need of Debian: packages installed, and those of other suites beside the system.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cache, cachedNames, cachePath } from "./cache.ts";

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
    throw new Error(
      `these Debian packages are needed: install them, or run this as root: ${missing.join(" ")}`,
    );
  }
  say(`installing ${missing.join(", ")}`);
  apt(["update"]);
  apt(["install", "--yes", "--no-install-recommends", ...missing]);
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
  /** Names of binary packages, for this machine's architecture. */
  packages?: readonly string[];
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
export function fetchDebian(work: string, { suite, packages = [], sources = [] }: Wanted): string[] {
  if (!existsSync(KEYRING)) {
    throw new Error(`${KEYRING} is not there, so nothing can be verified: install debian-archive-keyring`);
  }
  say(`fetching ${[...packages, ...sources].join(", ")} from ${suite}`);
  const dirs = Object.fromEntries(["state", "cache", "log"].map((name) => [name, join(work, name)]));
  for (const dir of [`${dirs.state}/lists/partial`, `${dirs.cache}/archives/partial`, `${dirs.log}`]) {
    mkdirSync(dir, { recursive: true });
  }
  // No package is installed in there: apt takes none of the system's versions for one that it could fetch.
  const status = join(work, "state/status");
  writeFileSync(status, "");
  const kinds = [...(packages.length > 0 ? ["deb"] : []), ...(sources.length > 0 ? ["deb-src"] : [])];
  const uri = mirror();
  writeFileSync(
    join(work, "sources.list"),
    kinds.map((kind) => `${kind} [signed-by=${KEYRING}] ${uri} ${suite} main\n`).join(""),
  );
  // Read after the system's configuration, so that its proxies count but its hooks, pins, preferred release and sources
  // do not, nor what it may allow without a signature. The sandbox user could not write below a directory of root's.
  writeFileSync(
    join(work, "apt.conf"),
    `Dir::State "${dirs.state}";
     Dir::State::status "${status}";
     Dir::Cache "${dirs.cache}";
     Dir::Log "${dirs.log}";
     Dir::Etc::SourceList "${join(work, "sources.list")}";
     Dir::Etc::SourceParts "/dev/null";
     Dir::Etc::Preferences "/dev/null";
     Dir::Etc::PreferencesParts "/dev/null";
     APT::Sandbox::User "root";
     APT::Default-Release "";
     APT::Get::AllowUnauthenticated "false";
     Acquire::AllowInsecureRepositories "false";
     Acquire::AllowWeakRepositories "false";
     #clear APT::Update::Pre-Invoke;
     #clear APT::Update::Post-Invoke;
     #clear APT::Update::Post-Invoke-Success;
     #clear Acquire::IndexTargets;
     Acquire::IndexTargets::deb::Packages {
       MetaKey "$(COMPONENT)/binary-$(ARCHITECTURE)/Packages";
       flatMetaKey "Packages";
     };
     Acquire::IndexTargets::deb-src::Sources {
       MetaKey "$(COMPONENT)/source/Sources";
       flatMetaKey "Sources";
     };
     Acquire::Languages "none";\n`,
  );
  const config = ["--config-file", join(work, "apt.conf")];
  apt([...config, "update"], work);
  if (packages.length > 0) apt([...config, "download", ...packages], work);
  // The upstream tar alone: unpacking the whole needs dpkg-dev.
  if (sources.length > 0) apt([...config, "source", "--download-only", "--tar-only", ...sources], work);

  const files = readdirSync(work);
  const found = (name: string, what: RegExp) => {
    const file = files.find((file) => file.startsWith(`${name}_`) && what.test(file));
    if (file === undefined) throw new Error(`apt-get left no file for ${name} of ${suite}`);
    return join(work, file);
  };
  return [
    ...packages.map((name) => found(name, /\.deb$/)),
    ...sources.map((name) => found(name, /\.orig\.tar\.\w+$/)),
  ];
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

function apt(args: string[], cwd?: string): void {
  const options = ["--quiet", "--option", "Acquire::Retries=3", "--option", "DPkg::Lock::Timeout=120"];
  run("apt-get", [...options, ...args], { DEBIAN_FRONTEND: "noninteractive" }, cwd).must();
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

function run(command: string, args: string[], env: Record<string, string> = {}, cwd?: string) {
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C", ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  if (error) throw new Error(`${command} cannot be executed (is this Debian?): ${error.message}`);
  const result = {
    stdout,
    lines: stdout.split("\n"),
    /** Throws where the command failed. */
    must() {
      if (status === 0) return result;
      throw new Error(`${command} ${args.join(" ")}: exit ${status}\n${stdout}${stderr}`);
    },
  };
  return result;
}
