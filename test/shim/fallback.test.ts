// Without a resident process, or with one that fails, the shim becomes `plexus`.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { frame, PROTOCOL, ToShim } from "../../launcher/host/frames.ts";
import { until } from "../support/until.ts";
import { type Call, isRunning, Place } from "./fake-resident.ts";
import { SHIMS } from "./shims.ts";

let place: Place;

describe.each(SHIMS)("%s, it becomes plexus, with the same stdin,", (_, shim) => {
  beforeEach(() => {
    place = new Place(shim);
  });
  afterEach(() => place.remove());

  const fallen = (verb = "ADD") => `fake ${verb} {"a":1}`;
  const run = (env: Record<string, string> = {}) => place.run("ADD", '{"a":1}', env);

  test("where there is no socket, without a word", async () => {
    expect(await run()).toMatchObject({ exitCode: 0, stdout: fallen(), stderr: "" });
  });

  test("are counted by why, in a file that is root's and not a link, up to 4 MiB", async () => {
    const path = `${place.socket}.tally`;
    const counted = () => fs.readFileSync(path, "latin1");
    await run();
    expect(counted()).toBe("a");
    expect(fs.statSync(path).mode & 0o777).toBe(0o600);
    await place.resident(async (call) => void call.socket.write(frame(ToShim.fallBack, 0, Buffer.from("x"))));
    await run();
    expect(counted()).toBe("al");
    fs.chmodSync(place.socket, 0o666);
    await run();
    expect(counted()).toBe("alu");
    fs.chmodSync(join(place.dir, "run"), 0o777);
    await run();
    expect(counted()).toBe("alu");
    fs.chmodSync(join(place.dir, "run"), 0o700);
    fs.truncateSync(path, 4 << 20);
    await run();
    expect(fs.statSync(path).size).toBe(4 << 20);
    fs.unlinkSync(path);
    const other = join(place.dir, "other");
    fs.writeFileSync(other, "");
    fs.symlinkSync(other, path);
    expect(await run()).toMatchObject({ exitCode: 0, stdout: fallen() });
    expect(fs.readFileSync(other, "utf8")).toBe("");
  });

  test("where the socket or its directory is open to others", async () => {
    await place.listen(() => undefined, 0o666);
    expect(await run()).toMatchObject({
      stdout: fallen(),
      stderr: expect.stringContaining("closed to others"),
    });
    fs.chmodSync(place.socket, 0o600);
    fs.chmodSync(join(place.dir, "run"), 0o777);
    expect(await run()).toMatchObject({ stdout: fallen(), stderr: expect.stringContaining("nobody else") });
  });

  test("where a file is in the socket's place, or a link", async () => {
    fs.writeFileSync(place.socket, "", { mode: 0o600 });
    expect(await run()).toMatchObject({
      stdout: fallen(),
      stderr: expect.stringContaining("must be a socket"),
    });
    fs.unlinkSync(place.socket);
    fs.symlinkSync("/dev/null", place.socket);
    expect(await run()).toMatchObject({
      stdout: fallen(),
      stderr: expect.stringContaining("must be a socket"),
    });
  });

  test.each<[string, (call: Call) => void, string]>([
    ["says so", (call) => call.socket.write(frame(ToShim.fallBack, 0, Buffer.from("reason"))), "reason"],
    ["goes away", (call) => call.socket.destroy(), "is gone"],
    ["sends no frame", (call) => call.socket.write("GET / HTTP/1.1\r\n\r\n"), "malformed reply"],
    [
      "sends a frame that is cut off",
      (call) => call.socket.write(frame(ToShim.execute, 1, "x")),
      "malformed reply",
    ],
    [
      "sends more than the frame has",
      (call) => call.socket.write(frame(ToShim.alive, 0, 1)),
      "malformed reply",
    ],
    ["sends what there is not", (call) => call.socket.write(frame(99, 0)), "malformed reply"],
    ["falls silent", () => undefined, "says nothing any more"],
  ])("when the resident process %s", async (_, misbehave, why) => {
    const mark = `8${randomBytes(4).readUInt32LE()}`;
    const path = place.plugin("slow", `sleep ${mark}`);
    await place.resident(async (call) => {
      void call.execute(path);
      await until("it is executed", () => isRunning(mark));
      misbehave(call);
    });
    expect(await run()).toMatchObject({
      exitCode: 0,
      stdout: fallen(),
      stderr: expect.stringContaining(why),
    });
    await until("what it executed is gone", () => !isRunning(mark));
  });

  test("without the marks that the resident process has had made: they would be its own locks", async () => {
    const device = join(place.state, "sriov/0000:3b:02.0");
    const made: string[] = [];
    await place.resident(async (call) => {
      for (const path of [device, join(place.state, "b"), device]) {
        const mark = (await call.file(ToShim.mark, path)) as Buffer;
        made.push(mark.toString("utf8", 4)); // behind its length
      }
      made.push(...fs.readdirSync(join(place.state, "sriov")));
      await call.file(ToShim.remove, made[0] ?? "");
      call.socket.destroy();
    });
    fs.writeFileSync(join(place.dir, "plexus"), `#!/bin/sh\nfind '${place.state}' -type f\n`);
    expect(await run()).toMatchObject({ exitCode: 0, stdout: "" });
    expect(made.length).toBe(5);
  });

  test("where the socket has as many as it takes, and nobody takes them off", async () => {
    const script =
      "import os, socket, sys, time\n" +
      "server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); os.chmod(sys.argv[1], 0o600)\n" +
      "server.listen(0); first = socket.socket(socket.AF_UNIX); first.connect(sys.argv[1])\n" +
      "print('full', flush=True); time.sleep(60)";
    const server = spawn("/usr/bin/python3", ["-c", script, place.socket]);
    try {
      await new Promise((resolve) => server.stdout.once("data", resolve));
      expect(await run()).toMatchObject({
        stdout: fallen(),
        stderr: expect.stringContaining("takes no more calls"),
      });
    } finally {
      server.kill("SIGKILL");
    }
  });

  test("a plexus that is cut off is said to be damaged, with what mends it", async () => {
    const whole = fs.readFileSync(process.execPath).subarray(0, 40);
    fs.writeFileSync(join(place.dir, "plexus"), whole, { mode: 0o755 });
    const { stdout } = await place.run("STATUS", "{}", {});
    const { code, msg } = JSON.parse(stdout);
    expect(code).toBe(50);
    expect(msg).toMatch(/plexus is damaged, .*Exec format error.*; run plexus install again$/);
    expect(msg).not.toContain("glibc");
  });

  describe("where plexus cannot run, as on a node without glibc,", () => {
    beforeEach(() => fs.writeFileSync(join(place.dir, "plexus"), "#!/no/loader\n", { mode: 0o755 }));

    test("it says so, waits for the daemon, and hands the call to it", async () => {
      let calls = 0;
      await place.resident((call) => {
        if (++calls === 1) call.socket.destroy();
        else call.answer(`served ${call.stdin}`);
      });
      expect(await run()).toMatchObject({
        exitCode: 0,
        stdout: 'served {"a":1}',
        stderr: expect.stringMatching(/plexus cannot run on this node.*waiting for the daemon/),
      });
    });

    test("without a daemon the runtime is to try again later, and STATUS says so at once", async () => {
      place.configure(["wait-timeout-ms 300"]);
      const { exitCode, stdout } = await run();
      expect([exitCode, JSON.parse(stdout)]).toMatchObject([1, { code: 11 }]);
      expect(JSON.parse(stdout).msg).toContain("see that the pod of deploy/daemon runs here");
      place.configure(["wait-timeout-ms 3600000"]);
      expect(JSON.parse((await place.run("STATUS", "{}", {})).stdout)).toMatchObject({ code: 50 });
    });

    test("a daemon that hangs up again and again is asked in peace, and counted once", async () => {
      let [connected, served, pid] = [0, false, 0];
      const kept: string[] = [];
      await place.listen((socket) => {
        if (++connected <= 4) return void socket.destroy();
        for (const fd of fs.readdirSync(`/proc/${pid}/fd`))
          kept.push(fs.readlinkSync(`/proc/${pid}/fd/${fd}`));
        served = true;
        socket.end(
          Buffer.concat([frame(ToShim.accept, 0, PROTOCOL, "test"), frame(ToShim.answer, 0, 0, "late")]),
        );
      });
      const started = place.start("ADD", '{"a":1}');
      pid = started.pid;
      expect(await started.outcome).toMatchObject({ exitCode: 0, stdout: "late" });
      expect([served, connected]).toEqual([true, 5]);
      expect(kept.filter((file) => file.includes("memfd")).length).toBe(1);
      expect(fs.readFileSync(`${place.socket}.tally`, "latin1")).toBe("g");
    });

    test("a daemon that hangs up for good is asked some times a second, and the error has its reason", async () => {
      place.configure(["wait-timeout-ms 600"]);
      let connected = 0;
      await place.listen((socket) => {
        connected++;
        socket.destroy();
      });
      const { stdout } = await run();
      expect(connected).toBeLessThan(10);
      expect(JSON.parse(stdout)).toMatchObject({
        code: 11,
        msg: expect.stringMatching(/no daemon has served.*: the resident process is gone.*; see that/),
      });
      connected = 0;
      expect(JSON.parse((await place.run("STATUS", "{}", {})).stdout)).toMatchObject({ code: 50 });
      expect(connected).toBeLessThan(3);
    });

    test("a call that the daemon leaves to it fails with the reason", async () => {
      await place.resident((call) => {
        call.socket.write(frame(ToShim.fallBack, 0, Buffer.from("devices")));
      });
      const { stdout } = await run();
      expect(JSON.parse(stdout)).toMatchObject({
        code: 11,
        msg: expect.stringMatching(/has left the call.*devices/),
      });
    });
  });

  test("when the resident process does not accept, or is of another version", async () => {
    let connected = 0;
    await place.listen((socket) => {
      if (++connected > 1) socket.write(frame(ToShim.accept, 0, PROTOCOL + 1, "new"));
    });
    expect(await run()).toMatchObject({
      stdout: fallen(),
      stderr: expect.stringContaining("does not answer"),
    });
    expect(await run()).toMatchObject({
      stdout: fallen(),
      stderr: expect.stringContaining(`speaks protocol version ${PROTOCOL + 1}, not ${PROTOCOL}`),
    });
  });
});
