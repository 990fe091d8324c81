// Where tests get Deno and Bun from: no Debian has them, but packages of npm's carry their executables, for each architecture.
import { chmodSync, existsSync } from "node:fs";
import { join } from "node:path";
import { cache, cachePath } from "./cache.ts";
import { fetchNpm, type Pinned } from "./npm.ts";

interface Runtime {
  name: string;
  /** Where its executable is in its packages. */
  executable: string;
  /** By process.arch. */
  packages: Readonly<Record<string, Pinned>>;
}

const DENO: Runtime = {
  name: "deno-2.9.6",
  executable: "deno",
  packages: {
    x64: {
      name: "@deno/linux-x64-glibc@2.9.6",
      integrity:
        "sha512-3md4TKLCuzsLDmfOoC5KN7NAZaxSVkMgm64vg6foD00JBADCpYS2/5QqXfzgnP5ZQz3iLP9vBQJtEgc116OAoQ==",
    },
    arm64: {
      name: "@deno/linux-arm64-glibc@2.9.6",
      integrity:
        "sha512-poqhoH9B3nYloigEMPT5t8HY+wBeiuea1An5Q7fqgJzP0SYmWsoS/oUnWO/pEiA4ofzIBy1Elt/in58xKtxEoQ==",
    },
  },
};

const BUN: Runtime = {
  name: "bun-1.4.5",
  executable: "bin/bun",
  packages: {
    x64: {
      name: "@oven/bun-linux-x64@1.4.5",
      integrity:
        "sha512-IWX9BELoGHAUtMonkeSaNaZwXzRk+oDw6Mk+HBFXd3KHYIBNBsIGRupMZPcgNoDbJpLu6gAJjIoIVPZtt1aJ1g==",
    },
    arm64: {
      name: "@oven/bun-linux-aarch64@1.4.5",
      integrity:
        "sha512-4BXmsSKnjOrlGWqZV4x/oWa7AVoR+B6lCXddMzOAXBIm3t50eslg9wb66gmtW1AamEQ1l1CDvmmruysEhqOWMg==",
    },
  },
};

/** Makes sure of Deno, in the user's cache; without network where it has it. Returns its path. */
export function ensureDeno(): string {
  return ensure(DENO);
}

/** Makes sure of Bun, in the same way. */
export function ensureBun(): string {
  return ensure(BUN);
}

function ensure({ name, executable, packages }: Runtime): string {
  const pinned = packages[process.arch];
  if (pinned === undefined) throw new Error(`${name}: there is no package for ${process.arch}`);
  const path = (dir: string) => join(dir, executable);
  if (existsSync(cachePath(name))) return path(cachePath(name));
  return path(
    cache((work) => {
      const dir = fetchNpm(work, pinned);
      chmodSync(path(dir), 0o755);
      return { dir, name };
    }),
  );
}
