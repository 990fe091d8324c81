// Programs that doctor executes, many at a time.
import { execFileSync, spawn } from "node:child_process";
import { expect, test } from "vitest";
import { run } from "../../launcher/cli/doctor/run.ts";

/** Keeps this thread from its events. */
const busy = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

test("what a program has printed is read, also where it ends while the end of another is handled", async () => {
  // The event loop learns that one child has ended, and asks for all of them: before it has read what the second one printed.
  const other = spawn("/bin/echo", ["first"]);
  other.stdout.on("data", () => busy(600));
  const ran = run("/bin/sh", ["-c", "sleep 0.3; echo here"]);
  busy(150);
  expect(await ran).toEqual({ exitCode: 0, stdout: "here\n", stderr: "", why: "" });
});

test("what a program has printed is read, also where this process stands still for long as it ends", async () => {
  const ran = run("/bin/sh", ["-c", "sleep 0.3; echo here"]);
  const other = spawn("/bin/echo", ["second"]);
  other.stdout.on("data", () => busy(600));
  other.on("exit", () => busy(1500));
  busy(150);
  expect(await ran).toEqual({ exitCode: 0, stdout: "here\n", stderr: "", why: "" });
});

test("a character that comes in two pieces is one", async () => {
  const ran = await run("/bin/sh", ["-c", "printf '\\303'; sleep 0.2; printf '\\274'"]);
  expect(ran.stdout).toBe("ü");
});

test("a child that keeps the output open is not waited for", async () => {
  const ran = await run("/bin/sh", ["-c", "sleep 47 & echo $!"]);
  execFileSync("kill", [ran.stdout.trim()]);
  expect(ran).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^\d+\n$/), stderr: "", why: "" });
});
