// File operations for the resident process, and the files that the shim refuses to touch.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ToShim } from "../../launcher/host/frames.ts";
import { Place, REFUSED } from "./fake-resident.ts";
import { SHIMS } from "./shims.ts";

const [ENOENT, ENXIO, EISDIR, EFBIG, ELOOP] = [2, 6, 21, 27, 40];
const EMPTY = Buffer.alloc(0);
const { read, list, kind, write, remove, set, readlink, find, append } = ToShim;
let place: Place;

describe.each(SHIMS)("%s, files", (_, shim) => {
  beforeEach(() => {
    place = new Place(shim);
  });
  afterEach(() => place.remove());

  test("below its state are written whole, read, listed and removed", async () => {
    const path = join(place.state, "a/b/file");
    const results = await place.served(async (call) => [
      await call.file(write, path, Buffer.from("one")),
      await call.file(write, path, Buffer.from("two")),
      `${await call.file(read, path, 100)}`,
      await call.file(read, path, 2),
      (await call.file(list, join(place.state, "a/b"))) instanceof Buffer,
      await call.file(remove, path),
      await call.file(remove, path),
      await call.file(read, path, 100),
    ]);
    expect(results).toEqual([EMPTY, EMPTY, "two", EFBIG, true, EMPTY, EMPTY, ENOENT]);
    expect(fs.readdirSync(join(place.state, "a/b"))).toEqual([]);
    expect(fs.statSync(join(place.state, "a")).mode & 0o777).toBe(0o700);
  });

  test("of confs are read, and not written", async () => {
    const path = join(place.confs, "a.conf");
    fs.writeFileSync(path, "text");
    const results = await place.served(async (call) => [
      `${await call.file(read, path, 100)}`,
      await call.file(kind, path),
      await call.file(kind, join(place.confs, "none")),
      await call.file(write, path, Buffer.from("no")),
      await call.file(remove, path),
    ]);
    expect(results).toEqual(["text", u32s(1, 0), u32s(0, 0), REFUSED, REFUSED]);
    expect(fs.readFileSync(path, "utf8")).toBe("text");
  });

  test("elsewhere are none of its business", async () => {
    fs.symlinkSync("/etc", join(place.state, "link"));
    fs.symlinkSync("/etc/passwd", join(place.state, "passwd"));
    fs.mkdirSync(`${place.state}-other`);
    const results = await place.served(async (call) => [
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
    const ENOTDIR = 20;
    expect(results).toEqual([
      ...[REFUSED, ENOTDIR, ELOOP, REFUSED, ENOTDIR, REFUSED],
      ...[REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED],
    ]);
    expect(fs.existsSync("/etc/plexus-test")).toBe(false);
  });

  test("that are plugins, or ip, are found", async () => {
    const path = place.plugin("p", "");
    fs.writeFileSync(join(place.plugins, "LICENSE"), "Apache", { mode: 0o644 });
    const results = await place.served(async (call) => [
      `${await call.file(find, "LICENSE", [place.plugins])}`,
      `${await call.file(find, "p", [place.plugins])}`,
      `${await call.file(find, "none", [place.plugins])}`,
      `${await call.file(find, "ip", ["/usr/sbin", "/sbin", "/usr/bin", "/bin"])}`,
    ]);
    expect(results).toEqual([text(""), text(path), text(""), expect.stringMatching(/\/ip$/)]);
  });

  test("have a kind, and a size in KiB", async () => {
    const path = join(place.confs, "a.conf");
    fs.writeFileSync(path, "x".repeat(5 * 1024 + 1023));
    fs.symlinkSync(path, join(place.confs, "link.conf"));
    const paths = [path, place.confs, join(place.confs, "link.conf"), join(place.confs, "none")];
    const results = await place.served(async (call) => {
      const kinds: unknown[] = [];
      for (const one of paths) kinds.push(await call.file(kind, one));
      return kinds;
    });
    expect(results).toEqual([u32s(1, 5), u32s(2, 0), u32s(3, 0), u32s(0, 0)]);
  });

  describe("of the kubelet", () => {
    const root = () => join(place.dir, "kubelet");
    const checkpoint = () => join(root(), "device-plugins/kubelet_internal_checkpoint");
    beforeEach(() => {
      place.configure([`kubelet ${root()}`]);
      fs.mkdirSync(join(root(), "device-plugins"), { recursive: true });
    });

    test("are its checkpoint, which is read up to a limit, and nothing else below its root", async () => {
      fs.writeFileSync(checkpoint(), "devices");
      const others = [
        "device-plugins/kubelet.sock",
        "device-plugins",
        "device-plugins/x.conf",
        "config.json",
      ];
      for (const name of others.filter((one) => one.includes(".")))
        fs.writeFileSync(join(root(), name), "no");
      const away = `${root()}/pods/../device-plugins/kubelet_internal_checkpoint`;
      const paths = [
        ...[root(), ...others.map((name) => join(root(), name)), away],
        ...[`${checkpoint()}/x`, `${checkpoint()}2`, `${root()}//device-plugins/kubelet_internal_checkpoint`],
      ];
      const results = await place.served(async (call) => {
        const refused: unknown[] = [];
        for (const path of paths) {
          refused.push(await call.file(read, path, 100), await call.file(kind, path));
          refused.push(await call.file(list, path));
        }
        return [
          `${await call.file(read, checkpoint(), 100)}`,
          await call.file(read, checkpoint(), 6),
          await call.file(kind, checkpoint()),
          ...refused,
        ];
      });
      expect(results).toEqual([
        "devices",
        EFBIG,
        u32s(1, 0),
        ...paths.flatMap(() => [REFUSED, REFUSED, REFUSED]),
      ]);
    });

    test("are not written, made or removed", async () => {
      fs.writeFileSync(checkpoint(), "devices");
      const bytes = Buffer.from("x");
      const changes = ["write", "writeSoon", "create", "append"] as const;
      const results = await place.served(async (call) => [
        ...(await Promise.all(changes.map((how) => call.file(ToShim[how], checkpoint(), bytes)))),
        ...(await Promise.all([remove, ToShim.mark].map((how) => call.file(how, checkpoint())))),
      ]);
      expect(results).toEqual(results.map(() => REFUSED));
      expect(fs.readFileSync(checkpoint(), "utf8")).toBe("devices");
      expect(fs.readdirSync(join(root(), "device-plugins"))).toHaveLength(1);
    });

    test("are not links, nor below one, nor what is not a file; one that is not there is told as missing", async () => {
      const [ENOTDIR, secret] = [20, join(place.dir, "secret")];
      fs.writeFileSync(secret, "secret");
      const asked = async () => {
        const answers = await place.served(async (call) => [
          await call.file(read, checkpoint(), 100),
          await call.file(kind, checkpoint()),
        ]);
        await place.stopListening();
        fs.rmSync(join(root(), "device-plugins"), { recursive: true, force: true });
        return answers;
      };
      expect(await asked()).toEqual([ENOENT, u32s(0, 0)]);
      expect(await asked()).toEqual([ENOENT, u32s(0, 0)]);
      fs.mkdirSync(join(root(), "device-plugins"));
      fs.symlinkSync(secret, checkpoint());
      expect(await asked()).toEqual([ELOOP, u32s(3, 0)]);
      fs.mkdirSync(join(place.dir, "elsewhere"));
      fs.copyFileSync(secret, join(place.dir, "elsewhere/kubelet_internal_checkpoint"));
      fs.symlinkSync(join(place.dir, "elsewhere"), join(root(), "device-plugins"));
      expect(await asked()).toEqual([ENOTDIR, u32s(0, 0)]);
      fs.mkdirSync(checkpoint(), { recursive: true });
      expect(await asked()).toEqual([EISDIR, u32s(2, 0)]);
      fs.mkdirSync(join(root(), "device-plugins"));
      execFileSync("mkfifo", [checkpoint()]);
      expect(await asked()).toEqual([REFUSED, u32s(3, 0)]);
    });

    test("are none of its business if the conf does not name its root", async () => {
      fs.writeFileSync(checkpoint(), "devices");
      place.configure(["kubelet relative", "kubelet /"]);
      const results = await place.served(async (call) => [
        await call.file(read, checkpoint(), 100),
        await call.file(kind, checkpoint()),
      ]);
      expect(results).toEqual([REFUSED, REFUSED]);
    });
  });

  describe("that are logs", () => {
    let log: string;
    beforeEach(() => {
      log = join(place.dir, "log/a/plexus.log");
      place.configure([`log ${log}`, `log ${place.dir}/other.log`]);
    });
    const appended = (path: string, text = "x") =>
      place.served((call) => call.file(append, path, Buffer.from(text)));

    test("are appended to, and made with their directory", async () => {
      const results = await place.served(async (call) => [
        await call.file(append, log, Buffer.from("one\n")),
        await call.file(append, log, Buffer.from("x".repeat(2048))),
        await call.file(append, `${place.dir}/other.log`, Buffer.from("other")),
        await call.file(kind, log),
      ]);
      expect(results).toEqual([EMPTY, EMPTY, EMPTY, u32s(1, 2)]);
      expect(fs.readFileSync(log, "utf8")).toBe(`one\n${"x".repeat(2048)}`);
      expect([log, join(place.dir, "log"), join(place.dir, "log/a")].map(mode)).toEqual([
        0o600, 0o755, 0o755,
      ]);
    });

    test("keep what they have, and their mode", async () => {
      fs.writeFileSync(`${place.dir}/other.log`, "before\n", { mode: 0o644 });
      expect(await appended(`${place.dir}/other.log`)).toEqual(EMPTY);
      expect(fs.readFileSync(`${place.dir}/other.log`, "utf8")).toBe("before\nx");
      expect(mode(`${place.dir}/other.log`)).toBe(0o644);
    });

    test("get whole lines from many shims at once", async () => {
      const lines = Array.from({ length: 12 }, (_, index) => `${index} ${"x".repeat(20_000)}\n`);
      let next = 0;
      await place.resident(async (call) => {
        await call.file(append, log, Buffer.from(lines[next++] ?? ""));
        call.answer();
      });
      await Promise.all(lines.map(() => place.run()));
      const written = fs.readFileSync(log, "utf8").split(/(?<=\n)/);
      expect(written.sort()).toEqual(lines.sort());
    });

    test("are the conf's, by their exact paths, and no others", async () => {
      const paths = [
        `${log}.1`,
        join(place.dir, "log/a"),
        `${place.dir}/log/a/../a/plexus.log`,
        join(place.dir, "log/a/other.log"),
        join(place.state, "file"),
        join(place.confs, "file"),
        "/var/log/plexus.log",
        "/etc/passwd",
        "",
      ];
      const results = await place.served((call) =>
        Promise.all(paths.map((path) => call.file(append, path, Buffer.from("x")))),
      );
      expect(results).toEqual(paths.map(() => REFUSED));
      expect(fs.existsSync(join(place.dir, "log"))).toBe(false);
    });

    test("are two of /var/log if the conf names none", async () => {
      const paths = ["/var/log/plexus.log", "/var/log/multus.log", "/var/log/other.log"];
      const kinds = () => place.served((call) => Promise.all(paths.map((path) => call.file(kind, path))));
      expect(await kinds()).toEqual([REFUSED, REFUSED, REFUSED]);
      await place.stopListening();
      place.configure();
      expect(await kinds()).toEqual([expect.any(Buffer), expect.any(Buffer), REFUSED]);
    });

    test("are not read, listed, written or removed", async () => {
      expect(await appended(log)).toEqual(EMPTY);
      await place.stopListening();
      const results = await place.served(async (call) => [
        await call.file(read, log, 100),
        await call.file(list, join(place.dir, "log/a")),
        await call.file(write, log, Buffer.from("x")),
        await call.file(remove, log),
      ]);
      expect(results).toEqual([REFUSED, REFUSED, REFUSED, REFUSED]);
    });

    test("are not links: what these lead to stays as it is", async () => {
      const target = join(place.dir, "target");
      fs.writeFileSync(target, "before");
      fs.symlinkSync(target, `${place.dir}/other.log`);
      const results = await place.served(async (call) => [
        await call.file(append, `${place.dir}/other.log`, Buffer.from("x")),
        await call.file(kind, `${place.dir}/other.log`),
      ]);
      expect(results).toEqual([ELOOP, u32s(3, 0)]);
      expect(fs.readFileSync(target, "utf8")).toBe("before");
    });

    test("are not directories", async () => {
      fs.mkdirSync(log, { recursive: true });
      expect(await appended(log)).toBe(EISDIR);
    });

    test("are not FIFOs, whether or not one reads them, nor devices", async () => {
      const fifo = `${place.dir}/other.log`;
      execFileSync("mkfifo", [fifo]);
      place.configure([`log ${fifo}`, "log /dev/null"]);
      expect(await appended(fifo)).toBe(ENXIO);
      await place.stopListening();
      const reader = fs.openSync(fifo, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
      try {
        expect(await appended(fifo)).toBe(ENXIO);
        expect(fs.readSync(reader, Buffer.alloc(10))).toBe(0);
      } finally {
        fs.closeSync(reader);
      }
      await place.stopListening();
      expect(await appended("/dev/null")).toBe(ENXIO);
    });
  });
});

function mode(path: string): number {
  return fs.statSync(path).mode & 0o777;
}

function u32s(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, 4 * index);
  return bytes;
}

/** As the protocol has a string. */
function text(value: string): string {
  return `${Buffer.concat([u32s(value.length), Buffer.from(value)])}`;
}
