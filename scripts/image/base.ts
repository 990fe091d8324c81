// What the image has besides Plexus: of Debian's C and C++ libraries those files that the binary loads, and what Debian says
// about them. No shell, no command.
import * as fs from "node:fs";
import { join, posix } from "node:path";
import { run } from "../provide/command.ts";
import { extract, fetchDebian } from "../provide/debian.ts";
import type { Architecture } from "./layout.ts";
import type { Entry } from "./tar.ts";

export const SUITE = "bookworm";
/** The last one has the copyright of the two before it. */
const PACKAGES = ["libc6", "libgcc-s1", "libstdc++6", "gcc-12-base"] as const;

/** A binary package of Debian's. */
export interface DebianPackage {
  name: string;
  version: string;
  /** The source package, and its version. */
  source: string;
  /** The control file, as text. */
  control: string;
}

export interface Base {
  packages: DebianPackage[];
  entries: Entry[];
}

/**
 * Fetches the packages for all architectures at once.
 *
 * @param work an empty directory
 * @param binaries architecture -> path of the executable whose libraries these are to be
 */
export function fetchBases(
  work: string,
  binaries: ReadonlyMap<Architecture, string>,
): Map<Architecture, Base> {
  const architectures = [...binaries.keys()];
  const debs = fetchDebian(work, { suite: SUITE, packages: PACKAGES, architectures });
  return new Map(
    [...binaries].map(([architecture, binary]) => {
      const own = debs.filter((deb) => deb.endsWith(`_${architecture}.deb`));
      const root = join(work, architecture);
      extract(own, root);
      const packages = own.map(describe);
      const libraries = librariesOf(root, binary);
      return [architecture, { packages, entries: [...libraries, ...about(root, packages), ...ACCOUNTS] }];
    }),
  );
}

/** Who root is, and where names are looked for: in the pod's own files, then by DNS. */
const ACCOUNTS: Entry[] = Object.entries({
  "etc/passwd": "root:x:0:0:root:/:/\n",
  "etc/group": "root:x:0:\n",
  "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}).map(([name, text]) => ({ name, mode: 0o644, content: Buffer.from(text) }));

/** The interpreter and the libraries that an executable asks for, and those that these ask for. */
function librariesOf(root: string, binary: string): Entry[] {
  const files = fs.readdirSync(root, { recursive: true, encoding: "utf8" });
  const found = new Map<string, Entry>();
  const add = (name: string) => {
    if (found.has(name)) return;
    const path = join(root, name);
    if (fs.lstatSync(path).isSymbolicLink()) {
      const target = fs.readlinkSync(path);
      found.set(name, { name, mode: 0o777, target });
      add(posix.join(target.startsWith("/") ? "" : posix.dirname(name), target).replace(/^\//, ""));
      return;
    }
    found.set(name, { name, mode: fs.statSync(path).mode & 0o777, content: fs.readFileSync(path) });
    askedFor(path).forEach(resolve);
  };
  const resolve = (asked: string) => {
    const name = asked.startsWith("/")
      ? asked.slice(1)
      : files.find((file) => posix.basename(file) === asked);
    if (name === undefined || !fs.lstatSync(join(root, name), { throwIfNoEntry: false })) {
      throw new Error(`${binary} needs ${asked}, and none of ${PACKAGES.join(", ")} has it`);
    }
    add(name);
  };
  askedFor(binary).forEach(resolve);
  return [...found.values()];
}

function askedFor(path: string): string[] {
  const { stdout } = run("readelf", ["--wide", "--dynamic", "--program-headers", path]).must();
  const asked = stdout.matchAll(
    /\(NEEDED\) +Shared library: \[(.+)\]|Requesting program interpreter: (.+)\]/g,
  );
  return [...asked].map(([, library, interpreter]) => library ?? interpreter ?? "");
}

/** Licenses, and what scanners read to know the packages of an image without dpkg. */
function about(root: string, packages: readonly DebianPackage[]): Entry[] {
  return packages.flatMap(({ name, control }) => {
    const copyright = `usr/share/doc/${name}/copyright`;
    const files: [string, Buffer][] = [[`var/lib/dpkg/status.d/${name}`, Buffer.from(control)]];
    if (fs.existsSync(join(root, copyright))) files.push([copyright, fs.readFileSync(join(root, copyright))]);
    return files.map(([name, content]) => ({ name, mode: 0o644, content }));
  });
}

function describe(deb: string): DebianPackage {
  const control = run("dpkg-deb", ["--field", deb]).must().stdout;
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(control)?.[1] ?? "";
  const [name, version] = [field("Package"), field("Version")];
  const [source = name, of = version] = field("Source").replace(")", "").split(" (").filter(Boolean);
  return { name, version, source: `${source} ${of}`, control };
}
