// `plexus-shim --conf`: what the shim takes of its conf, whatever lies there.
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Place } from "./fake-resident.ts";
import { SHIMS } from "./shims.ts";

const NOTE = / # default$/gm;
const security = fs.readFileSync(fileURLToPath(new URL("../../docs/security.md", import.meta.url)), "utf8");
let place: Place;

/** The document's rows of keys, as the lines that the shim prints without a conf. */
function documented(): { keys: string[]; defaults: string[] } {
  const [, rows = ""] = /\n\| key \| each line is \|.*\n\|[-|]+\n([\s\S]*?)\n\n/.exec(security) ?? [];
  const cells = rows.split("\n").map((row) => row.split("|").map((cell) => cell.trim()));
  const keysOf = (cell = "") => [...cell.matchAll(/`([a-z-]+)`/g)].map(([, key = ""]) => key);
  const defaults = cells.flatMap(([, first, , last = ""]) => {
    const [key = "", ...others] = keysOf(first);
    const values = /^[/\d]/.test(last) ? last.split(", ") : [];
    return values.map(
      (value, index) => `${others.length === 0 ? key : [key, ...others][index]} ${value} # default`,
    );
  });
  return { keys: cells.flatMap(([, first]) => keysOf(first)), defaults };
}

describe.each(SHIMS)("%s, --conf", (_, shim) => {
  beforeEach(() => {
    place = new Place(shim);
  });
  afterEach(() => place.remove());

  const conf = () => `${place.shim}.conf`;
  const write = (text: string | Uint8Array) => fs.writeFileSync(conf(), text);
  /** Bytes that are not UTF-8 stay apart. */
  const shown = (env: Record<string, string> = {}) => {
    const options = { env, encoding: "latin1", timeout: 30_000, maxBuffer: 64 << 20 } as const;
    const { status, stdout, stderr } = spawnSync(place.shim, ["--conf"], options);
    return { status, stdout, stderr };
  };
  /** What it prints is a conf that says the same. */
  const expectSame = () => {
    const { stdout } = shown();
    write(Buffer.from(stdout, "latin1"));
    expect(shown()).toEqual({ status: 0, stdout: stdout.replace(NOTE, ""), stderr: "" });
  };

  test("shows the defaults of the document where the conf says nothing", () => {
    write("");
    expect(shown()).toEqual({
      status: 0,
      stdout: documented()
        .defaults.map((line) => `${line}\n`)
        .join(""),
      stderr: "",
    });
  });

  test("shows each key of the document as the conf has it, the last value of those that have one", () => {
    const values: Record<string, string[]> = {
      socket: ["/run/a/s", "/run/b/s"],
      resident: ["always", "on-demand"],
      "resident-option": ["--slots", "--log-level=debug"],
      plugin: ["bridge", "bridge"],
      device: ["0000:3b:00.0"],
    };
    const { keys } = documented();
    const given = keys.map((key) => values[key] ?? (key.endsWith("-ms") ? ["7", "8"] : ["/a/b", "/c d"]));
    const lines = (of: (all: string[]) => string[]) =>
      keys.flatMap((key, index) => of(given[index] ?? []).map((value) => `${key} ${value}`));
    write(`# all\n\n${lines((all) => all).join("  # one\n\t")}\r\n`);
    const { status, stdout, stderr } = shown();
    const isOne = /^(socket|resident|sandboxes|kubelet|.*-ms) /;
    const last = keys.flatMap((key, index) => {
      const all = (given[index] ?? []).map((value) => `${key} ${value}`);
      return isOne.test(`${key} `) ? all.slice(-1) : all;
    });
    expect(stdout.split("\n").slice(0, -1).sort()).toEqual(last.sort());
    expect([status, stderr]).toEqual([
      1,
      `plexus-shim: ${conf()}: resident always is ignored: there is \`on-demand\` only; correct it, or remove it\n`,
    ]);
    expectSame();
  });

  test("shows it whatever a runtime's call would be", () => {
    expect(shown({ CNI_COMMAND: "ADD" })).toEqual(shown());
    expect(shown().stdout).toContain(`socket ${place.socket}\n`);
  });

  test.each<[what: string, text: () => string | Uint8Array, says: RegExp]>([
    [
      "of 20 MB of comments and keys that are unknown",
      () => `${"#".repeat(1 << 20)}\nx y\n`.repeat(20),
      /: x y is ignored: the key is unknown; /,
    ],
    [
      "of 20,000 lines that are complained about, of which 1 MiB is said",
      () => "x y\n".repeat(20_000),
      /nothing more is said of this call\n$/,
    ],
    [
      "with more values than there is room for, as long as may be",
      () => `plugins /${"p".repeat(4085)}\n`.repeat(70),
      /there are more than 64; /,
    ],
    [
      "with a line that is longer than the shim reads at once",
      () => `state /${"s ".repeat(10_000)}\n`,
      /: s s .* is ignored: the key is unknown; /,
    ],
    ["with zero bytes, which end a line", () => "read /a\0b\n\0log /x\nlog /c\0\n", /^$/],
    ["without a last newline", () => "read /a", /^$/],
    ["with control characters in what it complains of", () => "x\u001b[2J y\n", /: x\\x1b\[2J y is ignored/],
  ])("a conf %s", (_, text, says) => {
    write(text());
    const { status, stderr } = shown();
    expect(stderr).toMatch(says);
    expect(status).toBe(stderr === "" ? 0 : 1);
    expectSame();
  });

  test("a conf of random bytes, and of keys among them", () => {
    const { keys } = documented();
    for (let round = 0; round < 20; round++) {
      const parts = keys.flatMap((key) => [
        Buffer.from(`\n${key} `),
        randomBytes(40),
        Buffer.from(`\n${key} /`),
        randomBytes(9),
      ]);
      write(Buffer.concat([randomBytes(4000), ...parts]));
      expect(shown().status).toBeLessThanOrEqual(1); // not a signal
      expectSame();
    }
  });

  describe("takes nothing of a conf, and says why, if", () => {
    test.each<[what: string, make: () => void, why: string]>([
      ["it is not there", () => undefined, "open CONF: No such file or directory; run plexus install"],
      [
        "it is a link",
        () => fs.symlinkSync("/etc/hostname", conf()),
        "CONF is ignored: it is a link; put the file itself there",
      ],
      [
        "it is a pipe",
        () => void spawnSync("mkfifo", [conf()]),
        "CONF is ignored: it is not a file; remove it, and run plexus install",
      ],
      [
        "it is a directory",
        () => fs.mkdirSync(conf()),
        "CONF is ignored: it is not a file; remove it, and run plexus install",
      ],
      [
        "it is not root's",
        () => {
          write("plugins /x\n");
          fs.chownSync(conf(), 65534, 65534);
        },
        "CONF is ignored: it is not root's; read it, then: chown root CONF",
      ],
    ])("%s", async (_, make, why) => {
      fs.rmSync(conf());
      make();
      const stderr = `plexus-shim: ${why.replaceAll("CONF", conf())}\n`;
      expect(shown()).toEqual({
        status: 1,
        stdout: documented()
          .defaults.map((line) => `${line}\n`)
          .join(""),
        stderr,
      });
      // A call is done all the same, by plexus.
      const call = await place.run();
      expect([call.exitCode, call.stdout]).toEqual([0, "fake ADD {}"]);
      expect(call.stderr).toContain(why.startsWith("open") ? "" : stderr);
    });
  });

  test("fails if it cannot print", () => {
    const full = fs.openSync("/dev/full", "w");
    const { status, stderr } = spawnSync(place.shim, ["--conf"], {
      stdio: ["ignore", full, "pipe"],
      encoding: "utf8",
    });
    fs.closeSync(full);
    expect([status, stderr]).toEqual([1, "plexus-shim: write stdout: No space left on device\n"]);
  });
});
