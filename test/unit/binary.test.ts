// What the binary needs of a node, as README promises it.
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { ensurePackages } from "../../scripts/provide/debian.ts";
import { binary } from "../support/binary.ts";

const read = (...options: string[]) => {
  ensurePackages(["binutils"]);
  return execFileSync("readelf", ["--wide", ...options, binary], { encoding: "utf8", maxBuffer: 1 << 28 });
};

test("it runs where there is glibc 2.28: no symbol of a later one is needed", () => {
  const needed = [...read("--version-info").matchAll(/Name: GLIBC_([\d.]+)/g)].map(
    ([, version = ""]) => version,
  );
  expect(needed.length).toBeGreaterThan(5);
  const isLater = (version: string) => {
    const [major = 0, minor = 0] = version.split(".").map(Number);
    return major > 2 || minor > 28;
  };
  expect(needed.filter(isLater)).toEqual([]);
});

test("of libraries it needs glibc's and libstdc++ with what comes with it", () => {
  const libraries = [...read("--dynamic").matchAll(/\(NEEDED\).*\[(.*?)\.so/g)].map(([, name]) => name);
  const known = [
    "libc",
    "libdl",
    "libm",
    "libpthread",
    "ld-linux-x86-64",
    "ld-linux-aarch64",
    "libstdc++",
    "libgcc_s",
  ];
  expect(libraries.filter((name = "") => !known.includes(name))).toEqual([]);
});
