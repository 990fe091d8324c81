// What tests get from Debian does not depend on the machine.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ownState } from "../../scripts/provide/apt.ts";
import { run } from "../../scripts/provide/command.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "plexus-provide-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

test("what is fetched of another suite does not depend on what is installed", () => {
  const installed = ["policy", "dpkg"];
  expect(run("apt-cache", installed).must().stdout).toMatch(/Installed: \d/);
  const { config } = ownState(dir, []);
  expect(run("apt-cache", ["--config-file", config, ...installed]).must().stdout).not.toContain(
    "Installed: ",
  );
});
