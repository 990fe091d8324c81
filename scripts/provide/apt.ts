// Executes apt-get: on the system, one process at a time, or on a state of its own.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./command.ts";

const OPTIONS = [
  "--quiet",
  ...["--option", "Acquire::Retries=3"],
  ...["--option", "DPkg::Lock::Timeout=120"],
  ...["--option", "APT::Update::Error-Mode=any"], // else an update that could reach nothing has succeeded
];
/** apt waits for dpkg's lock, but not for that of the lists of packages. */
const LOCK = "/run/lock/plexus-apt";

/** apt's own state, beside the system's. */
export interface OwnState {
  /** A file with apt's configuration. */
  config: string;
  /** Where apt leaves what it fetches. */
  dir: string;
}

/**
 * Executes apt-get.
 *
 * @param own the state to work with, if not the system's
 * @returns why it failed, in its own words; undefined if it did not
 */
export function apt(args: string[], own?: OwnState): string | undefined {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const printed = own
    ? run("apt-get", [...OPTIONS, "--config-file", own.config, ...args], env, own.dir)
    : run("flock", [LOCK, "apt-get", ...OPTIONS, ...args], env);
  if (!printed.failed) return undefined;
  const all = [...printed.lines, ...printed.stderr.split("\n")].filter((line) => line !== "");
  const errors = all.filter((line) => line.startsWith("E: "));
  return `apt-get ${args.join(" ")} failed: ${(errors.length > 0 ? errors : all).join("\n")}`;
}

/**
 * Makes a state in which no package is installed: so apt takes none of the system's versions for one that it could
 * fetch.
 *
 * @param sources lines of its sources.list
 * @param architectures of its packages; this machine's if there are none
 */
export function ownState(dir: string, sources: string[], architectures: readonly string[] = []): OwnState {
  const [state, cache, log] = ["state", "cache", "log"].map((name) => join(dir, name));
  for (const path of [`${state}/lists/partial`, `${cache}/archives/partial`, `${log}`]) {
    mkdirSync(path, { recursive: true });
  }
  const list = join(dir, "sources.list");
  writeFileSync(list, sources.map((line) => `${line}\n`).join(""));
  writeFileSync(`${state}/status`, "");
  const config = join(dir, "apt.conf");
  // Read after the system's configuration, so that its proxies count but its hooks, pins, preferred release and sources
  // do not, nor what it may allow without a signature. The sandbox user could not write below a directory of root's.
  writeFileSync(
    config,
    `Dir::State "${state}";
     Dir::State::status "${state}/status";
     Dir::Cache "${cache}";
     Dir::Log "${log}";
     Dir::Etc::SourceList "${list}";
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
     Acquire::Languages "none";
     ${architectures.map((name) => `APT::Architectures:: "${name}";`).join(" ")}\n`,
  );
  return { config, dir };
}
