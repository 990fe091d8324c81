// The runtime's side of the shim: what it says without anybody, and how a call goes through it and ends.
import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { frame, ToShim } from "../../launcher/host/frames.ts";
import { execute } from "../support/binary.ts";
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
