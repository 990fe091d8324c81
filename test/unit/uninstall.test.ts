// `plexus uninstall` beside an installer that comes meanwhile.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { PLEXUS } from "../../launcher/cli/commands.ts";
import { runProgram } from "../../launcher/cli/parser.ts";

vi.mock("../../launcher/core/wasm.ts", async () => ({
  wasm: (await import("../support/wasm.ts")).coreBytes,
}));

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), "plexus-uninstall-"));
  for (const dir of ["etc/cni/net.d", "opt/cni/bin"]) fs.mkdirSync(join(root, dir), { recursive: true });
  vi.spyOn(console, "log").mockReturnValue(undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
  fs.rmSync(root, { recursive: true });
});

test("no installer has its turn before all is removed, and nothing is left of the turn", async () => {
  for (const name of ["etc/cni/net.d/00-plexus.conflist", "opt/cni/bin/plexus"])
    fs.writeFileSync(join(root, name), "{}");
  const { rmSync } = fs;
  const removed: [string, boolean][] = [];
  vi.spyOn(fs, "rmSync").mockImplementation((path, options) => {
    if (fs.existsSync(path)) removed.push([`${path}`, isTaken()]);
    rmSync(path, options);
  });
  syncBuiltinESMExports();
  const isTaken = () => fs.existsSync(join(root, "etc/cni/net.d/plexus.d/install.sock"));
  expect(await runProgram(PLEXUS, ["uninstall", "--root", root], "0.1.0")).toBe(0);
  expect(removed).toEqual([
    [join(root, "etc/cni/net.d/00-plexus.conflist"), true],
    [join(root, "opt/cni/bin/plexus"), true],
  ]);
  expect(fs.readdirSync(join(root, "etc/cni/net.d"))).toEqual([]);
});
