// Small files on this machine's disk, and what is left of writers that were killed.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { localHost } from "../../launcher/host/local.ts";

let dir: string;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-files-"));
});
afterEach(() => fs.rmSync(dir, { recursive: true }));

test("a file may be called as long as a file can be", async () => {
  const path = join(dir, "x".repeat(255));
  await localHost.write(path, "one");
  await localHost.write(path, "two");
  expect(await localHost.create(path, "three")).toBe(false);
  expect(await localHost.read(path)).toBe("two");
  expect(fs.readdirSync(dir)).toHaveLength(1);
});

test("a directory is not removed, and that is an error", async () => {
  await expect(localHost.remove(dir)).rejects.toMatchObject({ code: "EISDIR" });
  await expect(localHost.remove(join(dir, "none/none"))).resolves.toBeUndefined();
});

test("temporary files are cleared if their writers are gone, and no others", async () => {
  const start = fs.readFileSync("/proc/self/stat", "latin1").split(") ")[1]?.split(" ")[19];
  const kept = [".c1.4711", `.plexus-${process.pid}-${start}-3.tmp`, ".plexus-4194304-1.tmp", "c1"];
  const gone = [`.plexus-${process.pid}-1-3.tmp`, ".plexus-4194304-77-12.tmp"];
  for (const name of [...kept, ...gone]) fs.writeFileSync(join(dir, name), "");
  await localHost.clearTemporaries(dir);
  await localHost.clearTemporaries(join(dir, "none"));
  expect(fs.readdirSync(dir).sort()).toEqual(kept.sort());
});

test("a file that is just being written is not cleared", async () => {
  const path = join(dir, "c1");
  await Promise.all([localHost.write(path, "whole"), localHost.clearTemporaries(dir)]);
  expect(await localHost.read(path)).toBe("whole");
});

test("what is executed knows that Plexus has executed it", async () => {
  const path = join(dir, "plugin");
  fs.writeFileSync(path, '#!/bin/sh\nprintf "$PLEXUS_DELEGATE"\n', { mode: 0o755 });
  const env = { PATH: process.env.PATH ?? "" };
  const { stdout } = await localHost.execute(path, { env, stdin: "", timeout: 0 });
  expect(stdout).toBe(path);
});
