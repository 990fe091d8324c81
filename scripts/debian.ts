// What tests and the demo need of Debian: packages installed, and the reference CNI plugins of sid beside the system.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

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
 * Makes sure of the reference CNI plugins, 1.9 or newer, in a cache of the user's; without network where it has them.
 * Nothing of the system's changes: apt fetches and verifies them with a state of its own.
 *
 * @returns the directory with the plugins, for CNI_PATH
 */
export function ensurePlugins(): string {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "plexus");
  const prefix = "cni-plugins-";
  const [cached] = existsSync(cache)
    ? readdirSync(cache)
        .filter((name) => name.startsWith(prefix) && isRecent(name.slice(prefix.length)))
        .sort((a, b) => compareVersions(b, a))
    : [];
  if (cached !== undefined) return join(cache, cached);

  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "fetch-"));
  try {
    const deb = download(work);
    const version = run("dpkg-deb", ["--field", deb, "Version"]).must().stdout.trim();
    if (!isRecent(version)) throw new Error(`${PLUGINS.package} of ${PLUGINS.suite} is only ${version}`);
    run("dpkg-deb", ["--extract", deb, join(work, "root")]).must();
    const plugins = join(work, "root/usr/lib/cni");
    run(join(plugins, "bridge"), [], { CNI_COMMAND: "VERSION" }).must(); // does this machine's libc do?
    const target = join(cache, prefix + version);
    try {
      renameSync(plugins, target);
    } catch (error) {
      if (!existsSync(target)) throw error; // otherwise another process was quicker
    }
    return target;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The package's file, from the mirror this machine uses, signed by Debian. */
function download(work: string): string {
  if (!existsSync(KEYRING)) {
    throw new Error(`${KEYRING} is not there, so nothing can be verified: install debian-archive-keyring`);
  }
  say(`fetching ${PLUGINS.package} from ${PLUGINS.suite}`);
  const dirs = Object.fromEntries(["state", "cache", "log"].map((name) => [name, join(work, name)]));
  for (const dir of [`${dirs.state}/lists/partial`, `${dirs.cache}/archives/partial`, `${dirs.log}`]) {
    mkdirSync(dir, { recursive: true });
  }
  writeFileSync(join(work, "sources.list"), `deb [signed-by=${KEYRING}] ${mirror()} ${PLUGINS.suite} main\n`);
  // Read after the system's configuration, so that its proxies count but its hooks, pins and sources do not. The
  // sandbox user could not write below a directory of root's.
  writeFileSync(
    join(work, "apt.conf"),
    `Dir::State "${dirs.state}";
     Dir::State::status "/var/lib/dpkg/status";
     Dir::Cache "${dirs.cache}";
     Dir::Log "${dirs.log}";
     Dir::Etc::SourceList "${join(work, "sources.list")}";
     Dir::Etc::SourceParts "/dev/null";
     Dir::Etc::Preferences "/dev/null";
     Dir::Etc::PreferencesParts "/dev/null";
     APT::Sandbox::User "root";
     #clear APT::Update::Post-Invoke;
     #clear APT::Update::Post-Invoke-Success;
     #clear Acquire::IndexTargets;
     Acquire::IndexTargets::deb::Packages {
       MetaKey "$(COMPONENT)/binary-$(ARCHITECTURE)/Packages";
       flatMetaKey "Packages";
     };
     Acquire::Languages "none";\n`,
  );
  const config = ["--config-file", join(work, "apt.conf")];
  apt([...config, "update"], work);
  apt([...config, "download", PLUGINS.package], work);
  const deb = readdirSync(work).find((name) => name.endsWith(".deb"));
  if (deb === undefined) throw new Error(`apt-get download ${PLUGINS.package} left no file`);
  return join(work, deb);
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
