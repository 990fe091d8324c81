// The shim starts the resident process, if its conf says so and there is none.
import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { frame, PROTOCOL, ToShim } from "../../launcher/host/frames.ts";
import { LIMITS_MS, Place } from "./fake-resident.ts";
import { SHIMS } from "./shims.ts";

/** A resident process that answers calls with what it was executed with, on the socket that it inherits. */
const FAKE = `
import os, socket, struct, sys
with open(os.path.join(os.path.dirname(sys.argv[0]), "starts"), "a") as log: log.write(" ".join(sys.argv[1:]) + "\\n")
server = socket.socket(fileno=3)
server.listen(100)
os.ftruncate(4, 0); os.pwrite(4, b"%d 0\\n" % os.getpid(), 0); os.close(4)
def frame(kind, fields): return struct.pack("<IBI", 5 + len(fields), kind, 0) + fields
def text(words): return struct.pack("<I", len(words)) + words
while True:
  call, _ = server.accept()
  call.recv(65536)
  call.sendall(frame(16, struct.pack("<I", ${PROTOCOL}) + text(b"VERSION")) + frame(28, struct.pack("<I", 0) + text(b"served")))
  call.close()
`;

let place: Place;
const plexus = () => join(place.dir, "plexus");
const starts = () => {
  const path = join(place.dir, "starts");
  return fs.existsSync(path) ? fs.readFileSync(path, "utf8").trim().split("\n") : [];
};

describe.each(SHIMS)("%s, where there is no resident process,", (name, shim) => {
  beforeEach(() => {
    place = new Place(shim);
    place.configure(["resident on-demand"]);
    const fake = fs.readFileSync(plexus());
    fs.writeFileSync(join(place.dir, "one-shot"), fake, { mode: 0o755 });
    fs.writeFileSync(
      join(place.dir, "fake.py"),
      FAKE.replace("VERSION", name === "with sanitizers" ? "test" : "0.1.0"),
    );
    const script = `if [ "$1" = resident ]; then exec /usr/bin/python3 '${place.dir}/fake.py' "$@"; fi`;
    fs.writeFileSync(plexus(), `#!/bin/sh\n${script}\nexec '${place.dir}/one-shot'\n`, { mode: 0o755 });
  });
  afterEach(async () => {
    place.endStarted();
    await place.remove();
  });

  test("40 calls at once start one, which serves them all", async () => {
    const outcomes = await Promise.all(Array.from({ length: 40 }, () => place.run()));
    for (const one of outcomes) expect(one).toMatchObject({ exitCode: 0, stdout: "served", stderr: "" });
    expect(starts()).toEqual([`resident --socket ${place.socket} --started-by-shim`]);
  });

  test("one is started with the options of the conf, and counted", async () => {
    place.configure(["resident on-demand", "resident-option --slots=3", "resident-option x"]);
    const complaint = "resident-option x is ignored: it does not begin with --";
    expect(await place.run()).toMatchObject({ stdout: "served", stderr: expect.stringContaining(complaint) });
    expect(starts()).toEqual([`resident --socket ${place.socket} --started-by-shim --slots=3`]);
    expect(fs.readFileSync(`${place.socket}.tally`, "latin1")).toBe("P");
  });

  test("VERSION starts none", async () => {
    await place.run("VERSION");
    expect(starts()).toEqual([]);
  });

  test("as it has died, another one is started", async () => {
    expect(await place.run()).toMatchObject({ stdout: "served" });
    place.endStarted();
    expect(await place.run()).toMatchObject({ stdout: "served", stderr: "" });
    expect(starts().length).toBe(2);
  });

  test("as it ends at that moment, another one does the call", async () => {
    await place.listen((socket) => {
      fs.unlinkSync(place.socket);
      socket.destroy();
    });
    expect(await place.run()).toMatchObject({ exitCode: 0, stdout: "served", stderr: "" });
    expect(starts().length).toBe(1);
  });

  test("as it dies while it has marks, another one does the call, and finds none of them", async () => {
    await place.resident(async (call) => {
      await call.file(ToShim.mark, join(place.state, "sriov/0000:3b:02.0"));
      expect(fs.readdirSync(join(place.state, "sriov")).length).toBe(1);
      fs.unlinkSync(place.socket);
      call.socket.destroy();
    });
    expect(await place.run()).toMatchObject({
      stdout: "served",
      stderr: expect.stringContaining("asking another one"),
    });
    expect(fs.readdirSync(join(place.state, "sriov"))).toEqual([]);
  });

  test("as it dies after a silence, another one has all the time to accept that the first one had", async () => {
    let connected = 0;
    await place.listen((socket) => {
      const accept = frame(ToShim.accept, 0, PROTOCOL, "test");
      if (connected++ === 0) {
        socket.write(accept);
        setTimeout(() => socket.destroy(), LIMITS_MS.accept * 1.2); // not as long as it may be silent
      } else {
        setTimeout(() => {
          socket.write(accept);
          socket.end(frame(ToShim.answer, 0, 0, "late"));
        }, 100);
      }
    });
    expect(await place.run()).toMatchObject({ exitCode: 0, stdout: "late" });
  });

  test("and none can be had, plexus does the call, and the next ones do not try again at once", async () => {
    fs.writeFileSync(join(place.dir, "fake.py"), "raise SystemExit(1)");
    for (let call = 0; call < 3; call++) {
      expect(await place.run()).toMatchObject({
        exitCode: 0,
        stdout: "fake ADD {}",
        stderr: expect.stringContaining("has ended before it served"),
      });
    }
    expect(starts().length).toBe(0);
  });

  test("and no plexus, the error says so", async () => {
    fs.rmSync(plexus());
    const { exitCode, stdout, stderr } = await place.run();
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("cannot execute")]);
    expect(stdout).toContain("run plexus install");
  });

  test.each<[string, (lock: string) => void, string]>([
    ["a link", (lock) => fs.symlinkSync("/etc/passwd", lock), "Symbolic link loop|Too many levels"],
    ["open to others", (lock) => fs.writeFileSync(lock, "", { mode: 0o666 }), "closed to others"],
    ["a directory", (lock) => fs.mkdirSync(lock), "directory"],
  ])("a lock that is %s is not taken", async (_, make, why) => {
    const before = process.umask(0);
    make(`${place.socket}.lock`);
    process.umask(before);
    const outcome = await place.run();
    expect(outcome).toMatchObject({ exitCode: 0, stdout: "fake ADD {}" });
    expect(outcome.stderr).toMatch(new RegExp(why));
    expect(starts()).toEqual([]);
  });

  test("none is started below a directory that is open to others", async () => {
    fs.chmodSync(join(place.dir, "run"), 0o777);
    expect(await place.run()).toMatchObject({
      stdout: "fake ADD {}",
      stderr: expect.stringContaining("nobody else"),
    });
    expect(starts()).toEqual([]);
  });

  test("a value that is none of the key's is said, and starts none", async () => {
    place.configure(["resident always"]);
    expect(await place.run()).toMatchObject({
      stdout: "fake ADD {}",
      stderr: expect.stringContaining("there is `on-demand` only"),
    });
    expect(starts()).toEqual([]);
  });
});
