// Where tests get Prometheus from: Debian's package, unpacked into the user's cache. Installed, it would be a service.
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { cache, cachedNames, cachePath } from "./cache.ts";
import { run } from "./command.ts";
import { extract, fetchDebian } from "./debian.ts";

const SUITE = "bookworm";
const PREFIX = "prometheus-";

/** Makes sure of Prometheus. Returns the paths of its executables. */
export function ensurePrometheus(): { prometheus: string; promtool: string } {
  const [cached] = cachedNames().filter((name) => name.startsWith(PREFIX));
  const dir = cached === undefined ? cache(fetched) : cachePath(cached);
  return { prometheus: join(dir, "prometheus"), promtool: join(dir, "promtool") };
}

function fetched(work: string): { dir: string; name: string } {
  const [deb = ""] = fetchDebian(work, { suite: SUITE, packages: ["prometheus"] });
  const version = run("dpkg-deb", ["--field", deb, "Version"]).must().stdout.trim();
  extract([deb], join(work, "root"));
  const dir = join(work, "bin");
  mkdirSync(dir);
  for (const name of ["prometheus", "promtool"])
    renameSync(join(work, "root/usr/bin", name), join(dir, name));
  return { dir, name: PREFIX + version };
}
