// The runtime's side of the shim: what it says without anybody, and how a call goes through it and ends.
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { frame, ToShim } from "../../launcher/host/frames.ts";
import { execute } from "../support/binary.ts";
import { outcomeOf } from "../support/outcome.ts";
import { until } from "../support/until.ts";
import { type Call, isRunning, Place } from "./fake-resident.ts";
import { SHIMS } from "./shims.ts";

let place: Place;

describe.each(SHIMS)("%s", (_, shim) => {
  beforeEach(() => {
    place = new Place(shim);
  });
  afterEach(() => place.remove());

  test("VERSION is answered without anybody, in plexus's own words", async () => {
    const { exitCode, stdout, stderr } = await place.run("VERSION", "");
    expect({ exitCode, stdout, stderr }).toEqual(execute({ CNI_COMMAND: "VERSION" }, ""));
  });

  test.each(["VERSION", "ADD"])(
    "a stdout that is closed is refused before anything of %s is done",
    async (verb) => {
      let called = false;
      await place.resident((call) => {
        called = true;
        call.answer("{}", 0);
      });
      const env = { CNI_COMMAND: verb, CNI_PATH: place.plugins };
      const { status, stderr } = spawnSync("sh", ["-c", `exec '${place.shim}' >&- 2>&2`], {
        env,
        encoding: "utf8",
      });
      expect([status, called]).toEqual([1, false]);
      expect(stderr).toMatch(/^plexus-shim: the answer cannot be written to stdout: Bad file descriptor; /);
    },
  );

  test("an answer goes whole into a pipe that is full, and whose reader has it so", async () => {
    await place.resident((call) => call.answer("y".repeat(300_000), 0));
    const reader = `import fcntl, os, subprocess, sys, time
out, into = os.pipe()
fcntl.fcntl(into, fcntl.F_SETFL, os.O_NONBLOCK)
child = subprocess.Popen([sys.argv[1]], stdin=subprocess.DEVNULL, stdout=into)
os.close(into)
time.sleep(1)
print(sum(iter(lambda: len(os.read(out, 65536)), 0)), child.wait())`;
    const env = { CNI_COMMAND: "ADD", CNI_PATH: place.plugins };
    const child = spawn("python3", ["-c", reader, place.shim], { env: { ...process.env, ...env } });
    expect(await outcomeOf(child, "", false)).toMatchObject({ stdout: "300000 0\n" });
  });

  test("a call reaches the resident process whole, and its answer the runtime", async () => {
    const stdin = JSON.stringify({ big: "x".repeat(1_000_000) });
    let seen: Call | undefined;
    await place.resident((call) => {
      seen = call;
      call.socket.write(frame(ToShim.say, 0, Buffer.from("a line\n")));
      call.answer("y".repeat(300_000), 7);
    });
    const { exitCode, stdout, stderr } = await place.run("DEL", stdin, { CNI_ARGS: "A=b" });
    expect([exitCode, stdout.length, stderr]).toEqual([7, 300_000, "a line\n"]);
    expect(seen?.stdin).toBe(stdin);
    expect(seen?.env).toEqual(["CNI_COMMAND=DEL", `CNI_PATH=${place.plugins}`, "CNI_ARGS=A=b"]);
  });

  test("SIGTERM ends it, with all that it executes", async () => {
    const mark = `9${randomBytes(4).readUInt32LE()}`;
    const path = place.plugin("slow", `sleep ${mark}`);
    await place.resident((call) => void call.execute(path));
    const { pid, outcome } = place.start();
    await until("it is executed", () => isRunning(mark));
    process.kill(pid, "SIGTERM");
    expect(await outcome).toMatchObject({ signal: "SIGTERM" });
    await until("what it executes is gone", () => !isRunning(mark));
  });
});
