// An installer that stays, on a node whose clock is set while it runs.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { PLEXUS } from "../../launcher/cli/commands.ts";
import { runProgram } from "../../launcher/cli/parser.ts";
import { binary } from "../support/binary.ts";
import { until } from "../support/until.ts";

const DAY_MS = 86_400_000;
const { execPath } = process;

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), "plexus-clock-"));
  fs.mkdirSync(join(root, "etc/cni/net.d"), { recursive: true });
  process.execPath = binary; // it is what is installed
  for (const stream of ["log", "error"] as const) vi.spyOn(console, stream).mockReturnValue(undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
  process.execPath = execPath;
  fs.rmSync(root, { recursive: true });
});

const path = (name: string) => join(root, "etc/cni/net.d", name);
const write = (name: string) =>
  fs.writeFileSync(path(name), JSON.stringify({ cniVersion: "1.0.0", name, type: "bridge" }));
const isFor = (name: string) => () =>
  fs.existsSync(path("00-plexus.conflist")) &&
  fs.readFileSync(path("00-plexus.conflist"), "utf8").includes(`net.d/${name}"`);

test("a clock that is set back does not have it wait for a conf that has gone", async () => {
  for (const name of ["10-first.conf", "20-late.conf"]) write(name);
  const before = process.listeners("SIGTERM");
  const ended = runProgram(PLEXUS, ["install", "--watch", "--root", root], "0.1.0");
  try {
    await until("the conf is for the first one", isFor("10-first.conf"));
    fs.unlinkSync(path("10-first.conf"));
    await new Promise((resolve) => setTimeout(resolve, 1000)); // it has seen that, and waits
    const { now } = Date;
    vi.spyOn(Date, "now").mockImplementation(() => now() - DAY_MS);
    await until("the conf is for the next one", isFor("20-late.conf"), 20);
  } finally {
    for (const end of process.listeners("SIGTERM").filter((one) => !before.includes(one))) end("SIGTERM");
    expect(await ended).toBe(0);
  }
});
