// The words of the shim: each failed system call with its reason, and a CNI error that is JSON whatever is in it.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Place } from "./fake-resident.ts";
import { SHIMS } from "./shims.ts";

let place: Place;

describe.each(SHIMS)("%s", (_, shim) => {
  beforeEach(() => {
    place = new Place(shim);
  });
  afterEach(() => place.remove());

  describe("what not even plexus can answer is a CNI error:", () => {
    const error = (msg: string) => ({ cniVersion: "0.1.0", code: 5, msg: `plexus-shim: ${msg}` });

    test("plexus is missing, or cannot be executed", async () => {
      const path = join(place.dir, "plexus");
      const without = (why: string) =>
        error(`no resident process serves this call: execve ${path}: ${why}; run plexus install`);
      fs.chmodSync(path, 0o600);
      const denied = await place.run();
      expect([denied.exitCode, JSON.parse(denied.stdout)]).toEqual([1, without("Permission denied")]);
      fs.unlinkSync(path);
      const missing = await place.run();
      expect([missing.exitCode, JSON.parse(missing.stdout)]).toEqual([
        1,
        without("No such file or directory"),
      ]);
    });

    test.each([
      ['{"name":"n", "cniVersion" : "1.1.0"}', "1.1.0"],
      ['{"prevResult":{"cniVersion":"0.4.0"},"cniVersion":"1.0.0"}', "1.0.0"],
      ['{"prevResult":{"cniVersion":"0.4.0"}}', "0.1.0"],
      ['{"a":"\\"cniVersion\\":\\"9.9.9\\"","b":"cniVersion"}', "0.1.0"],
      ['{"cniVersion":"1.0.0\\",\\"x"}', "0.1.0"],
      ['{"cniVersion":"1..0"}', "0.1.0"],
      ['{"cniVersion":""}', "0.1.0"],
      ['{"cniVersion":7}', "0.1.0"],
      ['{"cniVersion', "0.1.0"],
      ['{"cniVersion":', "0.1.0"],
      ['{"cniVersion":"', "0.1.0"],
      ["", "0.1.0"],
    ])("it has the cniVersion of the conf %s: %s", async (conf, version) => {
      fs.unlinkSync(join(place.dir, "plexus"));
      expect(JSON.parse((await place.run("ADD", conf)).stdout)).toMatchObject({
        cniVersion: version,
        code: 5,
      });
    });

    test("a path with quotes, backslashes, newlines and bytes that are not UTF-8", () => {
      const dir = Buffer.concat([
        Buffer.from(`${place.dir}/a"b\\c\n\u0001\u007f`),
        Buffer.from([0xff, 0xc3]),
      ]);
      const copy = Buffer.concat([dir, Buffer.from("/plexus-shim")]);
      fs.mkdirSync(dir);
      fs.copyFileSync(place.shim, copy);
      // Node executes no path that is not UTF-8; a shell does.
      const script = `cd ${place.dir}/a*; exec ./plexus-shim`;
      const { status, stdout } = spawnSync("/bin/sh", ["-c", script], {
        env: { CNI_COMMAND: "ADD" },
        input: "{}",
      });
      const text = stdout.toString("utf8");
      expect(status).toBe(1);
      expect(Buffer.from(text).equals(stdout)).toBe(true); // it is UTF-8
      expect(JSON.parse(text).msg).toContain(
        `execve ${place.dir}/a"b\\c\n\u0001\u007f\u00ff\u00c3/plexus: No such file or directory`,
      );
    });

    test("stdin cannot be read", () => {
      const fd = fs.openSync(place.dir, "r");
      try {
        const { status, stdout } = spawnSync(place.shim, {
          env: { CNI_COMMAND: "ADD" },
          stdio: [fd, "pipe", "pipe"],
        });
        expect([status, JSON.parse(`${stdout}`)]).toEqual([1, error("read stdin: Is a directory")]);
      } finally {
        fs.closeSync(fd);
      }
    });

    test("there is no /proc", () => {
      const script = `mount -t tmpfs none /proc && exec ${place.shim}`;
      const { status, stdout } = spawnSync("unshare", ["--mount", "sh", "-c", script], {
        env: { PATH: process.env.PATH, CNI_COMMAND: "ADD" },
        input: "{}",
        encoding: "utf8",
      });
      const why = "readlink /proc/self/exe: No such file or directory; mount /proc";
      expect([status, JSON.parse(stdout)]).toEqual([1, error(why)]);
    });

    test("the conf is too large", async () => {
      const { exitCode, stdout } = await place.run("ADD", "x".repeat((8 << 20) + 1));
      expect([exitCode, JSON.parse(stdout)]).toEqual([
        1,
        { ...error("the conf on stdin is larger than 8 MiB; make it smaller"), code: 6 },
      ]);
    });
  });

  describe("what leaves the call to plexus is named on stderr:", () => {
    test.each<[string, () => string, (socket: string) => string]>([
      [
        "the socket's directory is a file",
        () => join(place.dir, "plexus/run/s"),
        () => `lstat ${place.dir}/plexus/run: Not a directory`,
      ],
      [
        "the socket's path is too long",
        () => `/${"x".repeat(107)}`,
        (socket) => `socket ${socket}: its path is longer than 107 bytes`,
      ],
      [
        "the socket's path has no directory",
        () => "/socket",
        (socket) => `socket ${socket}: its path has no directory`,
      ],
    ])("%s", async (_, path, message) => {
      const socket = path();
      place.configure([`socket ${socket}`]);
      expect(await place.run()).toMatchObject({
        exitCode: 0,
        stdout: "fake ADD {}",
        stderr: `plexus-shim: executing plexus: ${message(socket)}\n`,
      });
    });
  });

  describe("its conf is complained about:", () => {
    const said = async () => (await place.run()).stderr;

    test("others can write to it, so it is not read", async () => {
      place.configure(["plugins /bin"], 0o666);
      expect(await said()).toBe(
        `plexus-shim: ${place.shim}.conf is ignored: others than root may write it; ` +
          `read it, then: chmod go-w ${place.shim}.conf\n`,
      );
    });

    test("it is a link", async () => {
      fs.renameSync(`${place.shim}.conf`, join(place.dir, "conf"));
      fs.symlinkSync("conf", `${place.shim}.conf`);
      expect(await said()).toBe(
        `plexus-shim: ${place.shim}.conf is ignored: it is a link; put the file itself there\n`,
      );
    });

    test("a key is unknown", async () => {
      place.configure(["colour blue"]);
      expect(await said()).toBe(
        `plexus-shim: ${place.shim}.conf: colour blue is ignored: the key is unknown; correct it, or remove it\n`,
      );
    });

    test.each(["plexus.log", "/var/log/../x", "/var//log", "/var/log/"])(
      "a log's path is %s",
      async (path) => {
        place.configure([`log ${path}`]);
        expect(await said()).toBe(
          `plexus-shim: ${place.shim}.conf: log ${path} is ignored: the path is not absolute and plain; correct it, or remove it\n`,
        );
      },
    );

    test("it has more paths of a kind than there is room for", async () => {
      place.configure(Array.from({ length: 65 }, (_, index) => `log /var/log/${index}`));
      expect(await said()).toBe(
        `plexus-shim: ${place.shim}.conf: log /var/log/64 is ignored: there are more than 64; correct it, or remove it\n`,
      );
    });
  });
});
