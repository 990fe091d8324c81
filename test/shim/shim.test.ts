// The shim, as it ships and with sanitizers, against a resident process that does what a test says.
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { frame, PROTOCOL, ToShim } from "../../launcher/host/frames.ts";
import { execute } from "../support/binary.ts";
import { until } from "../support/until.ts";
import { type Call, Place } from "./fake-resident.ts";

const shipped = fileURLToPath(new URL("../../build/plexus-shim", import.meta.url));
const sanitized = fileURLToPath(new URL("../../build/sanitized/plexus-shim", import.meta.url));

const [ENOENT, EFBIG] = [2, 27];
const REFUSED = "it is not among what the shim's installer allows";
let place: Place;
afterEach(() => place.remove());

/** Runs the shim for a resident process that does `work`, and then answers. */
async function served(work: (call: Call) => Promise<unknown>, env: Record<string, string> = {}) {
  let result: unknown;
  await place.resident(async (call) => {
    result = await work(call);
    call.answer("done");
  });
  const outcome = await place.run("ADD", "{}", env);
  expect(outcome).toMatchObject({ exitCode: 0, stdout: "done" });
  return result;
}

/** Is a process with this in its command line alive? */
function isRunning(mark: string): boolean {
  return fs.readdirSync("/proc").some((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return fs.readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(mark);
    } catch {
      return false;
    }
  });
}

describe.each([
  ["as it ships", shipped],
  ["with sanitizers", sanitized],
])("%s", (_, shim) => {
  beforeEach(() => {
    place = new Place(shim);
  });

  test("VERSION is answered without anybody, in plexus's own words", async () => {
    const { exitCode, stdout, stderr } = await place.run("VERSION", "");
    expect({ exitCode, stdout, stderr }).toEqual(execute({ CNI_COMMAND: "VERSION" }, ""));
  });

  test("a call reaches the resident process whole, and its answer the runtime", async () => {
    const stdin = JSON.stringify({ big: "x".repeat(1_000_000) });
    let seen: Call | undefined;
    await place.resident((call) => {
      seen = call;
      call.socket.write(frame(ToShim.say, 0, "a line\n"));
      call.answer("y".repeat(300_000), 7);
    });
    const { exitCode, stdout, stderr } = await place.run("DEL", stdin, { OTHER: "a=b" });
    expect([exitCode, stdout.length, stderr]).toEqual([7, 300_000, "a line\n"]);
    expect(seen?.stdin).toBe(stdin);
    expect(seen?.env).toEqual(expect.arrayContaining(["CNI_COMMAND=DEL", "OTHER=a=b"]));
  });

  describe("executes", () => {
    test("a plugin of CNI_PATH, with its environment overlaid", async () => {
      const path = place.plugin("p", 'printf "%s %s %s" "$CNI_IFNAME" "$OWN" "$(cat)"; echo err >&2; exit 3');
      const env = { CNI_IFNAME: "eth0", OWN: "own" };
      expect(
        await served((call) => call.execute(path, { env: ["CNI_IFNAME=net1"], stdin: "in" }), env),
      ).toEqual({
        outcome: 0,
        value: 3,
        stdout: "net1 own in",
        stderr: "err\n",
      });
    });

    test("several at once, each with as much as it reads and prints", async () => {
      const path = place.plugin("p", "cat");
      const inputs = Array.from({ length: 12 }, (_, index) => String(index).repeat(200_000));
      const results = await served((call) =>
        Promise.all(inputs.map((stdin) => call.execute(path, { stdin, limit: 4 << 20 }))),
      );
      expect(results).toEqual(inputs.map((stdout) => ({ outcome: 0, value: 0, stdout, stderr: "" })));
    });

    test("one that does not read its stdin", async () => {
      const path = place.plugin("p", "exec 0<&-; echo ok");
      const stdin = "x".repeat(1_000_000);
      expect(await served((call) => call.execute(path, { stdin }))).toMatchObject({
        value: 0,
        stdout: "ok\n",
      });
    });

    test("no longer, and no more, than it may; and all that it has started ends with it", async () => {
      const mark = `7${randomBytes(4).readUInt32LE()}`;
      const slow = place.plugin("slow", `sleep ${mark} & sleep ${mark}`);
      const loud = place.plugin("loud", "yes");
      const killed = place.plugin("killed", "kill -9 $$");
      const missing = join(place.plugins, "missing");
      const results = await served((call) =>
        Promise.all([
          call.execute(slow, { timeout: 100 }),
          call.execute(loud, { limit: 100_000 }),
          call.execute(killed),
          call.execute(missing),
        ]),
      );
      expect(results).toMatchObject([
        { outcome: 2 },
        { outcome: 3 },
        { outcome: 1, value: 9 },
        { outcome: 4, value: ENOENT },
      ]);
      await until("what it has started is gone", () => !isRunning(mark));
    });

    test("ip in the container's namespace", async () => {
      const name = `plexus-${randomBytes(4).toString("hex")}`;
      execFileSync("ip", ["netns", "add", name]);
      try {
        const netns = `/run/netns/${name}`;
        const env = { CNI_NETNS: netns };
        const lines = "link add made type veth peer name other\n";
        const results = await served(async (call) => {
          const made = await call.execute("/sbin/ip", { args: ["-4", "-batch", "-"], netns, stdin: lines });
          return [
            made,
            await call.execute("/sbin/ip", { args: ["-json", "link", "show", "dev", "made"], netns }),
          ];
        }, env);
        expect(results).toMatchObject([{ value: 0 }, { value: 0, stdout: expect.stringContaining("made") }]);
      } finally {
        execFileSync("ip", ["netns", "delete", name]);
      }
    });

    test.each<[string, (call: Call) => ReturnType<Call["execute"]>, string]>([
      ["what is not in CNI_PATH", (call) => call.execute("/bin/sh"), "its directory is neither"],
      [
        "what a path leads to",
        (call) => call.execute(`${place.plugins}/../plugins/p`),
        "its directory is neither",
      ],
      ["a directory", (call) => call.execute(`${place.plugins}/..`), "no absolute path"],
      ["a relative path", (call) => call.execute("p"), "no absolute path"],
      [
        "arguments of a plugin",
        (call) => call.execute(`${place.plugins}/p`, { args: ["x"] }),
        "no arguments",
      ],
      ["LD_PRELOAD", (call) => call.execute(`${place.plugins}/p`, { env: ["LD_PRELOAD=/x"] }), "only CNI_*"],
      [
        "another namespace",
        (call) => call.execute(`${place.plugins}/p`, { netns: "/proc/1/ns/net" }),
        "not this call's",
      ],
      [
        "ip netns exec",
        (call) => call.execute("/sbin/ip", { args: ["netns", "exec", "a", "sh"] }),
        "arguments of ip",
      ],
      [
        "ip -batch FILE",
        (call) => call.execute("/sbin/ip", { args: ["-batch", "/etc/passwd"] }),
        "reads from its stdin",
      ],
      ["a batch of netns exec", (call) => batch(call, "netns exec a sh"), "a line of ip"],
      ["a batch with xdp", (call) => batch(call, "link set dev lo xdp obj /x"), "a line of ip"],
      ["a batch with a continued line", (call) => batch(call, "link \\\nnetns exec"), "a line of ip"],
      ["a batch with an abbreviation", (call) => batch(call, "n exec a sh"), "a line of ip"],
    ])("not %s", async (_, ask, why) => {
      place.plugin("p", "echo executed");
      expect(await served(ask)).toContain(why);
    });
  });

  describe("files", () => {
    const { read, list, kind, write, remove, set, readlink, find } = ToShim;

    test("below its state are written whole, read, listed and removed", async () => {
      const path = join(place.state, "a/b/file");
      const results = await served(async (call) => [
        await call.file(write, path, Buffer.from("one")),
        await call.file(write, path, Buffer.from("two")),
        `${await call.file(read, path, 100)}`,
        await call.file(read, path, 2),
        (await call.file(list, join(place.state, "a/b"))) instanceof Buffer,
        await call.file(remove, path),
        await call.file(remove, path),
        await call.file(read, path, 100),
      ]);
      const empty = Buffer.alloc(0);
      expect(results).toEqual([empty, empty, "two", EFBIG, true, empty, empty, ENOENT]);
      expect(fs.readdirSync(join(place.state, "a/b"))).toEqual([]);
      expect(fs.statSync(join(place.state, "a")).mode & 0o777).toBe(0o700);
    });

    test("of confs are read, and not written", async () => {
      const path = join(place.confs, "conf");
      fs.writeFileSync(path, "text");
      const results = await served(async (call) => [
        `${await call.file(read, path, 100)}`,
        await call.file(kind, path),
        await call.file(kind, join(place.confs, "none")),
        await call.file(write, path, Buffer.from("no")),
        await call.file(remove, path),
      ]);
      expect(results).toEqual(["text", u32(1), u32(0), REFUSED, REFUSED]);
      expect(fs.readFileSync(path, "utf8")).toBe("text");
    });

    test("elsewhere are none of its business", async () => {
      fs.symlinkSync("/etc", join(place.state, "link"));
      fs.symlinkSync("/etc/passwd", join(place.state, "passwd"));
      fs.mkdirSync(`${place.state}-other`);
      const results = await served(async (call) => [
        await call.file(read, "/etc/passwd", 1000),
        await call.file(read, join(place.state, "link/passwd"), 10_000),
        await call.file(read, join(place.state, "passwd"), 10_000),
        await call.file(read, `${place.state}/../confs/x`, 100),
        await call.file(write, join(place.state, "link/plexus-test"), Buffer.from("x")),
        await call.file(write, `${place.state}-other/x`, Buffer.from("x")),
        await call.file(list, "/etc"),
        await call.file(kind, "/root"),
        await call.file(set, "/sys/bus/pci/devices/../../../kernel/x", Buffer.from("1")),
        await call.file(set, "/proc/sys/kernel/core_pattern", Buffer.from("1")),
        await call.file(readlink, "/etc/mtab"),
        await call.file(find, "sh", ["/bin"]),
      ]);
      const [ENOTDIR, ELOOP] = [20, 40];
      expect(results).toEqual([
        ...[REFUSED, ENOTDIR, ELOOP, REFUSED, ENOTDIR, REFUSED],
        ...[REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED],
      ]);
      expect(fs.existsSync("/etc/plexus-test")).toBe(false);
    });

    test("that are plugins, or ip, are found", async () => {
      const path = place.plugin("p", "");
      const results = await served(async (call) => [
        `${await call.file(find, "p", [place.plugins])}`,
        `${await call.file(find, "none", [place.plugins])}`,
        `${await call.file(find, "ip", ["/usr/sbin", "/sbin", "/usr/bin", "/bin"])}`,
      ]);
      expect(results).toEqual([text(path), text(""), expect.stringMatching(/\/ip$/)]);
    });
  });

  describe("becomes plexus, with the same stdin,", () => {
    const fallen = (verb = "ADD") => `fake ${verb} ${place.socket} {"a":1}`;
    const run = (env: Record<string, string> = {}) => place.run("ADD", '{"a":1}', env);

    test("where there is no socket, without a word", async () => {
      expect(await run()).toMatchObject({ exitCode: 0, stdout: fallen(), stderr: "" });
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
      expect(await run()).toMatchObject({ stdout: fallen(), stderr: expect.stringContaining("must be one") });
      fs.unlinkSync(place.socket);
      fs.symlinkSync("/dev/null", place.socket);
      expect(await run()).toMatchObject({ stdout: fallen(), stderr: expect.stringContaining("must be one") });
    });

    test.each<[string, (call: Call) => void, string]>([
      ["says so", (call) => call.socket.write(frame(ToShim.fallBack, 0, "reason")), "reason"],
      ["goes away", (call) => call.socket.destroy(), "is gone"],
      ["sends no frame", (call) => call.socket.write("GET / HTTP/1.1\r\n\r\n"), "no sensible length"],
      [
        "sends a frame that is cut off",
        (call) => call.socket.write(frame(ToShim.execute, 1, "x")),
        "makes no sense",
      ],
      [
        "sends more than the frame has",
        (call) => call.socket.write(frame(ToShim.alive, 0, 1)),
        "makes no sense",
      ],
      ["sends what there is not", (call) => call.socket.write(frame(99, 0)), "makes no sense"],
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
      expect(isRunning(mark)).toBe(false);
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
        stderr: expect.stringContaining("another version"),
      });
    });
  });

  test("a conf that others can write is not read, and said so", async () => {
    place.configure(["plugins /bin"], 0o666);
    expect((await place.run()).stderr).toContain("must belong to root");
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

test("no frames, whatever is in them, do harm", { timeout: 120_000 }, async () => {
  place = new Place(sanitized);
  const path = place.plugin("p", "cat");
  const samples = [
    frame(ToShim.execute, 1, path, [], ["CNI_A=b"], "", 50, 1000, Buffer.from("in")),
    frame(ToShim.find, 2, "p", [place.plugins]),
    frame(ToShim.read, 3, join(place.state, "a"), 100),
    frame(ToShim.write, 4, join(place.state, "a"), Buffer.from("text")),
    frame(ToShim.list, 5, place.state),
    frame(ToShim.kind, 6, place.state),
    frame(ToShim.set, 7, "/sys/bus/pci/drivers_probe", Buffer.from("no")),
    frame(ToShim.readlink, 8, "/sys/class/net/lo"),
    frame(ToShim.say, 0, "x"),
    frame(ToShim.fallBack, 0, "enough"),
  ];
  let seed = 1;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  await place.listen((socket) => {
    socket.on("data", () => undefined);
    const bytes = Buffer.concat(
      Array.from({ length: 1 + random(6) }, () => samples[random(samples.length)] ?? Buffer.alloc(0)),
    );
    for (let count = random(4); count > 0; count--) bytes[random(bytes.length)] = random(256);
    const end = random(3) === 0 ? random(bytes.length) : bytes.length;
    socket.write(frame(ToShim.accept, 0, PROTOCOL, ""));
    socket.end(bytes.subarray(0, end));
  });
  for (let round = 0; round < 60; round++) {
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => place.run()));
    for (const { exitCode, stderr } of outcomes) {
      expect(stderr).not.toMatch(/Sanitizer|runtime error/);
      expect([0, 1]).toContain(exitCode ?? -1);
    }
  }
});

function batch(call: Call, line: string): ReturnType<Call["execute"]> {
  return call.execute("/sbin/ip", { args: ["-batch", "-"], stdin: `${line}\n` });
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** As the protocol has a string. */
function text(value: string): string {
  return `${Buffer.concat([u32(value.length), Buffer.from(value)])}`;
}
