// `plexus resident` ends by itself.
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { binary } from "../support/binary.ts";
import { until } from "../support/until.ts";

let dir: string;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-idle-"));
});
afterEach(() => fs.rmSync(dir, { recursive: true }));

test("a resident process that nobody calls ends after --idle seconds, and takes its socket away", async () => {
  const socket = join(dir, "plexus.sock");
  const child = spawn(binary, ["resident", "--socket", socket, "--idle", "2"], { env: {}, stdio: "ignore" });
  const ended = { code: undefined as number | null | undefined };
  child.once("exit", (code) => {
    ended.code = code;
  });
  try {
    await until("it listens", () => fs.existsSync(socket));
    expect(ended.code).toBeUndefined();
    await until("it has ended", () => ended.code !== undefined, 20);
    expect(ended.code).toBe(0);
    expect(fs.readdirSync(dir)).toEqual([]);
  } finally {
    child.kill("SIGKILL");
  }
});
