// `plexus version`: which build this is.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { commitOf } from "../../scripts/build/commit.ts";
import { binary } from "../support/binary.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const plexus = (...args: string[]) => execFileSync(binary, args, { encoding: "utf8" });
const locked = (name: string) =>
  JSON.parse(readFileSync(`${root}package-lock.json`, "utf8")).packages[name].version as string;
const digest = (name: string) =>
  createHash("sha256")
    .update(readFileSync(`${root}build/${name}`))
    .digest("hex")
    .slice(0, 12);

test("plexus version says which version, commit, Node, core and shim it is, and --version the same", () => {
  const build = JSON.parse(plexus("version", "--json"));
  expect(build).toEqual({
    version: locked(""),
    commit: expect.stringMatching(/^([0-9a-f]{40}(\+changes)?|unknown)$/),
    node: locked(`node_modules/node-linux-${process.arch}`),
    core: digest("core.wasm"),
    shim: digest("plexus-shim"),
  });
  const lines = Object.entries(build).map(([name, value]) => `${name.padEnd(8)} ${value}\n`);
  for (const command of ["version", "--version"]) expect(plexus(command)).toBe(lines.join(""));
});

test("plexus version refuses an option that it does not have", () => {
  const { status, stderr } = spawnSync(binary, ["version", "--jsno"], { encoding: "utf8" });
  expect([status, stderr]).toEqual([2, expect.stringContaining("did you mean --json?")]);
});

test("plexus-shim says its version to a person", () => {
  const { stderr } = spawnSync(`${root}build/plexus-shim`, ["--version"], { encoding: "utf8", env: {} });
  expect(stderr).toMatch(/^plexus-shim \d+\.\d+\.\d+, /);
});

test("a build outside of a repository does not know its commit", () => {
  expect(commitOf("/")).toBe("unknown");
});
