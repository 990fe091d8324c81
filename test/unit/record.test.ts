// Lines of a process's log, and how they go out.
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fileOutput, type Line, type Output } from "../../launcher/log/outputs.ts";
import { ProcessLog } from "../../launcher/log/process.ts";
import { asJson, asText, type Details } from "../../launcher/log/record.ts";
import { traceOf } from "../../launcher/log/trace.ts";
import { binary } from "../support/binary.ts";

const time = new Date("2026-01-02T03:04:05.678Z");
const entry = (details: Details, message = "ADD answered") => ({
  time,
  level: "info" as const,
  message,
  details,
});

describe("a line", () => {
  test("is a message and values by name", () => {
    const details = { pod: "default/web", networks: ["a/eth0", "b c/net1"], seconds: 0.5, reason: undefined };
    expect(asText(entry(details))).toBe(
      '2026-01-02T03:04:05.678Z [info] ADD answered pod=default/web networks=a/eth0,"b c/net1" seconds=0.5',
    );
    expect(JSON.parse(asJson(entry(details)))).toEqual({
      time: "2026-01-02T03:04:05.678Z",
      level: "info",
      message: "ADD answered",
      pod: "default/web",
      networks: ["a/eth0", "b c/net1"],
      seconds: 0.5,
    });
  });

  test("has a tenant's words as one value, whatever is in them", () => {
    const forged = 'x" level=error\n\u001b[31m pod=kube-system/other \u009b';
    const shown = 'x" level=error \\x1b[31m pod=kube-system/other \\x9b';
    expect(asText(entry({ network: forged }))).toMatch(/ network="x\\" level=error [^\n\p{Cc}]*"$/u);
    expect(asText(entry({ networks: [forged] }))).not.toMatch(/\p{Cc}/u);
    expect(JSON.parse(asJson(entry({ network: forged, networks: [forged] })))).toMatchObject({
      network: shown,
      networks: [shown],
    });
    expect(asJson(entry({}, forged))).not.toMatch(/\p{Cc}/u);
  });

  test.each([
    'bridge failed: " pod=kube-system/other',
    '" pod=kube-system/other',
    '"no equals sign, but a quote that would take the names in',
  ])("has a plugin's words as its message, and they cannot pretend to be a pod's name: %s", (message) => {
    const text = asText(entry({ pod: "default/web" }, message));
    const quoted = text.slice(`${time.toISOString()} [info] `.length, -" pod=default/web".length);
    expect(text).toMatch(/ pod=default\/web$/);
    expect(JSON.parse(quoted)).toBe(message);
    expect(JSON.parse(asJson(entry({ pod: "default/web" }, message)))).toMatchObject({
      message,
      pod: "default/web",
    });
  });

  test("is bounded, however long and many its values are", () => {
    const long = "\u0001".repeat(1 << 20);
    const details = { error: long, networks: Array<string>(5000).fill(long) };
    for (const text of [asText(entry(details, long)), asJson(entry(details, long))])
      expect(text.length).toBeLessThan(40_000);
    expect(asText(entry({ networks: Array<string>(20).fill("a") }))).toMatch(/,a,\+4$/);
  });
});

describe("a process's log", () => {
  /** Takes lines when it is let. */
  class HeldOutput implements Output {
    readonly taken: string[] = [];
    release: () => void = () => undefined;
    private held: Promise<void> = Promise.resolve();

    hold(): void {
      this.held = new Promise((resolve) => {
        this.release = resolve;
      });
    }

    async write(lines: readonly Line[]): Promise<void> {
      await this.held;
      this.taken.push(...lines.map(({ text }) => text));
    }
  }

  const open = (output: Output) => new ProcessLog({ level: "info", format: "text", output });

  test("has what is within its level, in its order", async () => {
    const output = new HeldOutput();
    const log = open(output);
    log.write("debug", "no");
    log.write("error", "one");
    log.write("info", "two");
    expect(output.taken).toEqual([]); // nobody has waited for it
    await log.flush();
    expect(output.taken.map((line) => line.slice(25))).toEqual(["[error] one", "[info] two"]);
  });

  test("drops lines that are too many while nobody takes them, and says how many", async () => {
    const output = new HeldOutput();
    const log = open(output);
    output.hold();
    for (let count = 0; count < 2000; count++) log.write("info", "x".repeat(4000));
    await Promise.resolve();
    for (let count = 0; count < 2000; count++) log.write("info", "y".repeat(4000));
    output.release();
    await log.flush();
    expect(log.dropped).toBeGreaterThan(2000);
    expect(output.taken.length).toBeLessThan(700);
    log.write("info", "later");
    await log.flush();
    const told = output.taken.flatMap((line) => / lines=(\d+)$/.exec(line)?.[1] ?? []);
    expect(told.map(Number).reduce((sum, lines) => sum + lines, 0)).toBe(log.dropped);
    expect(output.taken.at(-1)).toContain("later");
  });

  test("that cannot be written stops nothing, and counts what it has lost", async () => {
    const log = open({ write: () => Promise.reject(new Error("EPIPE")) });
    log.write("info", "one");
    await log.flush();
    log.write("info", "two");
    await log.flush();
    expect(log.dropped).toBeGreaterThanOrEqual(2);
  });

  test("to a file that cannot be written is on stderr, or in the journal, and says so once", async () => {
    const instead = new HeldOutput();
    const output = fileOutput("/proc/none/log");
    const log = new ProcessLog({ level: "info", format: "text", output, instead });
    for (const word of ["one", "two"]) {
      log.write("info", word);
      await log.flush();
    }
    expect(instead.taken).toEqual([
      expect.stringMatching(/the log cannot be written.*: ENOENT.*\/proc\/none\/log.*; see --log-file$/),
      expect.stringContaining("one"),
      expect.stringContaining("two"),
    ]);
    expect(log.dropped).toBe(0);
  });

  test("of a resident process is on stderr, if its file cannot be written", () => {
    const dir = fs.mkdtempSync(join(tmpdir(), "plexus-log-"));
    const args = ["resident", "--idle", "1", "--socket", join(dir, "s"), "--log-file", "/proc/none/log"];
    const { status, stderr } = spawnSync(binary, args, { env: {}, encoding: "utf8" });
    expect([status, stderr]).toEqual([0, expect.stringContaining("the log cannot be written")]);
    fs.rmSync(dir, { recursive: true });
  });
});

describe("a log file", () => {
  let dir: string;
  beforeEach(() => {
    dir = fs.mkdtempSync(join(tmpdir(), "plexus-log-"));
  });
  afterEach(() => fs.rmSync(dir, { recursive: true }));

  test("is for root alone, and makes room when it has grown too large", async () => {
    const path = join(dir, "plexus.log");
    const output = fileOutput(path);
    await output.write([{ level: "info", text: "one" }]);
    expect(fs.statSync(path).mode & 0o777).toBe(0o600);
    fs.truncateSync(path, 10 << 20);
    await output.write([{ level: "info", text: "two" }]);
    expect(fs.readFileSync(path, "utf8")).toBe("two\n");
    expect(fs.statSync(`${path}.1`).size).toBe(10 << 20);
  });

  const line = (text: string): Line[] => [{ level: "info", text }];

  test("is never a link's, nor a pipe's", async () => {
    const [path, other] = [join(dir, "plexus.log"), join(dir, "other")];
    fs.writeFileSync(other, "");
    fs.symlinkSync(other, path);
    await expect(fileOutput(path).write(line("one"))).rejects.toThrow("ELOOP");
    expect(fs.readFileSync(other, "utf8")).toBe("");
    fs.unlinkSync(path);
    execFileSync("mkfifo", [path]);
    await expect(fileOutput(path).write(line("one"))).rejects.toThrow("ENXIO");
    const reader = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    try {
      await expect(fileOutput(path).write(line("one"))).rejects.toThrow("not a regular file");
    } finally {
      fs.closeSync(reader);
    }
  });

  test("that two processes have makes room once, and has the lines of both", async () => {
    const path = join(dir, "plexus.log");
    const both = [fileOutput(path), fileOutput(path)];
    for (let round = 0; round < 50; round++) {
      fs.writeFileSync(path, "");
      fs.truncateSync(path, 10 << 20);
      await Promise.all(both.map((output, index) => output.write(line(`${index}`))));
      const text = fs.readFileSync(path, "utf8");
      const before = fs.readFileSync(`${path}.1`, "utf8").slice(10 << 20);
      expect([...text, ...before].sort().join("").trim()).toBe("01");
      expect(fs.statSync(`${path}.1`).size).toBeGreaterThanOrEqual(10 << 20);
    }
  });

  test("that cannot make room takes lines even so", async () => {
    const path = join(dir, "plexus.log");
    fs.mkdirSync(`${path}.1`);
    fs.writeFileSync(path, "");
    fs.truncateSync(path, 10 << 20);
    await fileOutput(path).write(line("one"));
    expect(fs.statSync(path).size).toBe((10 << 20) + 4);
  });
});

describe("a trace context", () => {
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const spanId = "00f067aa0ba902b7";

  test("is read from the environment", () => {
    expect(traceOf({ TRACEPARENT: `00-${traceId}-${spanId}-01` })).toEqual({ traceId, spanId });
    expect(traceOf({})).toBeUndefined();
  });

  test.each([
    "",
    `ff-${traceId}-${spanId}-01`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId}-01-more`,
    `00-${traceId}-${spanId}-01\n`,
  ])("that is not as the standard has it is none: %j", (TRACEPARENT) =>
    expect(traceOf({ TRACEPARENT })).toBeUndefined(),
  );
});
