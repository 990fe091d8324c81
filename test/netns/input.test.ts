// Hostile and broken input, from the runtime and from plugins: one CNI error object, exit 1, nothing left behind.
import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Answer, execute } from "../support/binary.ts";
import { type Conf, Lab } from "../support/lab.ts";

let lab: Lab;
beforeEach(async () => {
  lab = await Lab.open();
});
afterEach(() => lab.close());

/** The one error object on stdout. */
function errorOf({ exitCode, stdout }: Answer): { code: number; msg: string; cniVersion: string } {
  expect(exitCode).toBe(1);
  const error = JSON.parse(stdout) as { code: number; msg: string; cniVersion: string };
  expect(Object.keys(error).sort()).toEqual(["cniVersion", "code", "msg"]);
  return error;
}

function environment(more: Record<string, string> = {}): Record<string, string> {
  return {
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "c1",
    CNI_NETNS: "/run/netns/none",
    CNI_IFNAME: "eth0",
    CNI_PATH: lab.binDir,
    ...more,
  };
}

describe("the conf on stdin", () => {
  const delegates = [{ cniVersion: "1.0.0", name: "n", type: "fake-ok" }];
  const conf = (more: object) => JSON.stringify({ ...lab.conf([]), delegates, ...more });

  test.each<[string, () => string | Uint8Array, number, string]>([
    [
      "nothing",
      () => "",
      6,
      "ADD: the conf on stdin: the document is not valid JSON: it is empty at byte 0 (line 1, column 1); see the conf that",
    ],
    ["no JSON", () => "delegates: []", 6, "expected a value at byte 0 (line 1, column 1)"],
    ["half a conf", () => conf({}).slice(0, 40), 6, "at byte 40"],
    [
      "invalid UTF-8",
      () => Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0xff])]),
      6,
      "invalid UTF-8 at byte 9",
    ],
    ["a conf of 10 MB", () => conf({ x: "x".repeat(10_000_000) }), 6, "larger than 8 MiB"],
    ["deep nesting", () => `{"name":${"[".repeat(100_000)}`, 6, "nested deeper than 1000"],
    [
      "a million lists",
      () => conf({ x: [] }).replace('"x":[]', `"x":[${"[],".repeat(1_000_000)}[]]`),
      6,
      "more than 250000 values",
    ],
    ["a number as delegates", () => conf({ delegates: 7 }), 7, "ADD: the conf: `delegates` must be a list"],
    ["a string as runtimeConfig", () => conf({ runtimeConfig: "x" }), 7, "`runtimeConfig` must be an object"],
    ["an unknown version", () => conf({ cniVersion: "2.0.0" }), 1, '"2.0.0" is not supported'],
    [
      "a delegate of an unknown version",
      () => conf({ delegates: [{ ...delegates[0], cniVersion: "2.0.0" }] }),
      1,
      "delegates[0] of the conf",
    ],
    [
      "a path as plugin",
      () => conf({ delegates: [{ ...delegates[0], type: "../../../bin/sh" }] }),
      7,
      "not a path",
    ],
    [
      "a plugin that is not there",
      () => conf({ delegates: [{ ...delegates[0], type: "fake-none" }] }),
      7,
      'there is no plugin "fake-none" in ',
    ],
    [
      "a clusterNetwork that is not there",
      () => conf({ clusterNetwork: "/none/x.conf" }),
      7,
      "cannot read conf file /none/x.conf: it does not exist",
    ],
    ["a directory that cannot be written", () => conf({ cniDir: "/proc/none" }), 5, "/proc/none"],
    [
      "a relative cniDir",
      () => conf({ cniDir: "rel" }),
      7,
      '`cniDir` is "rel", which is not an absolute path',
    ],
    [
      "a relative binDir",
      () => conf({ binDir: "./bin" }),
      7,
      '`binDir` is "./bin", which is not an absolute path',
    ],
  ])("%s is refused, and the message says what to mend", (_, stdin, code, message) => {
    lab.fake("fake-ok");
    const error = errorOf(execute(environment(), stdin()));
    expect(error.code).toBe(code);
    expect(error.msg).toContain(message);
    expect(fs.existsSync(lab.cniDir)).toBe(false);
    expect(lab.calls("fake-ok")).toEqual([]);
  });

  test("with a relative cniDir is refused by each verb but those that detach: they must not keep a pod", () => {
    lab.fake("fake-ok");
    const verbs = ["ADD", "CHECK", "STATUS", "DEL", "GC"];
    const ended = verbs.map((CNI_COMMAND) => execute(environment({ CNI_COMMAND }), conf({ cniDir: "rel" })));
    expect(ended.map(({ exitCode }) => exitCode)).toEqual([1, 1, 1, 0, 0]);
    expect(fs.existsSync("rel")).toBe(false);
  });

  test("integers above 2^53, key order, unknown and repeated keys reach the plugin byte for byte", async () => {
    lab.fake("fake-raw", { ADD: `printf %s "$conf" > "$dir/raw"; echo '{"cniVersion":"1.0.0"}'` });
    const delegate =
      '{ "zeta":9007199254740993,"type":"fake-raw", "alpha" : -0.10e+2,"name":"n","é":["\\u00e9\\/"],"cniVersion":"1.0.0","zeta":1 }';
    const stdin = JSON.stringify({ ...lab.conf([]), delegates: ["@"] }).replace('"@"', delegate);
    expect(execute(environment({ PATH: lab.path }), stdin)).toMatchObject({ exitCode: 0 });
    expect(fs.readFileSync(join(lab.dir, "raw"), "utf8")).toBe(delegate);
  });
});

describe("the environment", () => {
  test.each<[string, Record<string, string>, number, string]>([
    ["an unknown verb", { CNI_COMMAND: "ATTACH" }, 4, 'CNI_COMMAND: "ATTACH" is not a verb'],
    ["no container", { CNI_CONTAINERID: "" }, 4, "the environment lacks CNI_CONTAINERID"],
    [
      "no netns, interface and path",
      { CNI_NETNS: "", CNI_IFNAME: "", CNI_PATH: "" },
      4,
      "CNI_PATH, CNI_IFNAME, CNI_NETNS",
    ],
    [
      "a container ID that leaves the state directory",
      { CNI_CONTAINERID: "../../etc/x" },
      4,
      'CNI_CONTAINERID: "../../etc/x"',
    ],
    ["an interface name with a slash", { CNI_IFNAME: "../x" }, 4, 'CNI_IFNAME: "../x"'],
  ])("%s is refused", (_, more, code, message) => {
    const error = errorOf(execute(environment(more), JSON.stringify(lab.conf([lab.bridge("a", 1)]))));
    expect(error.code).toBe(code);
    expect(error.msg).toContain(message);
    expect(fs.existsSync(lab.cniDir)).toBe(false);
  });

  test("without CNI_COMMAND it says what it is, on stderr", () => {
    const { exitCode, stdout, stderr } = execute({}, "");
    expect([exitCode, stdout]).toEqual([0, ""]);
    expect(stderr).toContain("CNI protocol versions supported: 0.1.0");
  });

  test("VERSION answers without stdin, without any other variable, under any file name, and from a link", () => {
    const supported = { cniVersion: "1.1.0", supportedVersions: expect.arrayContaining(["0.1.0", "1.1.0"]) };
    const path = join(lab.dir, "multus");
    fs.symlinkSync(fs.realpathSync(process.env.PLEXUS_BINARY ?? "build/plexus"), path);
    for (const answer of [
      execute({ CNI_COMMAND: "VERSION" }, ""),
      execute({ CNI_COMMAND: "VERSION" }, "", path),
    ]) {
      expect(answer.exitCode).toBe(0);
      expect(JSON.parse(answer.stdout)).toEqual(supported);
    }
  });
});

describe("a plugin that misbehaves on the third network", () => {
  const HANG = "sleep 31622400";
  const running = () =>
    fs
      .readdirSync("/proc")
      .filter((pid) => /^\d+$/.test(pid))
      .filter((pid) => {
        try {
          return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith(HANG.replace(" ", "\0"));
        } catch {
          return false; // it has ended in the meantime
        }
      });

  test.each<[string, string, number, string, Conf?]>([
    ["prints garbage", "echo oops", 6, 'the result of plugin "fake-bad" is not valid JSON'],
    ["prints nothing", "exit 0", 6, 'plugin "fake-bad" printed no result; see that plugin'],
    [
      "prints 10 MB",
      "head -c 10000000 /dev/zero | tr '\\0' x",
      6,
      "printed more than 4 MiB and was ended; see that it is a CNI plugin",
    ],
    [
      "prints bytes that are no UTF-8",
      'printf \'{"cniVersion":"1.1.0","x":"\\377"}\'',
      6,
      "not UTF-8; see that it is a CNI plugin",
    ],
    [
      "prints a result of another shape",
      `echo '{"cniVersion":"1.1.0","ips":7}'`,
      6,
      "`ips` must be a list of objects",
    ],
    ["prints a result of an unknown version", `echo '{"cniVersion":"9.0.0"}'`, 1, '"9.0.0" is not supported'],
    [
      "fails with an error of its own",
      `echo '{"code":111,"msg":"no more ports"}'; exit 1`,
      111,
      "no more ports",
    ],
    ["fails without a word", "exit 3", 999, "exited with 3 and no CNI error; see that plugin's own log"],
    ["is ended by a signal", "kill -9 $$", 999, "was ended by SIGKILL; see the node's kernel log"],
    [
      "hangs",
      HANG,
      11,
      "took longer than 1 s (`delegateTimeoutSeconds`) and was ended; see what it waits for",
      { delegateTimeoutSeconds: 1 },
    ],
  ])(
    "and %s: the error is told, the other networks are undone",
    async (_, body, code, message, more = {}) => {
      lab.fake("fake-bad", { ADD: body });
      const container = await lab.container();
      const networks = [
        lab.bridge("a", 1),
        lab.bridge("b", 2),
        { cniVersion: "1.1.0", name: "c", type: "fake-bad" },
      ];
      const added = await lab.run("ADD", lab.conf(networks, more), {
        container,
        args: "K8S_POD_NAMESPACE=ns;K8S_POD_NAME=pod",
      });
      expect(added.exitCode).toBe(1);
      expect(added.answer.code).toBe(code);
      expect(added.answer.msg).toContain("ADD pod ns/pod: network c on net2: ");
      expect(added.answer.msg).toContain(message);
      expect(await lab.interfaces(container)).toEqual([]);
      expect(lab.reserved()).toEqual([]);
      expect(lab.calls("fake-bad").map(({ verb }) => verb)).toEqual(["ADD", "DEL"]);
      expect(running()).toEqual([]);
      // What remains is the list of what a DEL has to look at, whole.
      expect(fs.readdirSync(lab.cniDir).filter((name) => name !== "results")).toEqual([container.id]);
      expect(JSON.parse(fs.readFileSync(join(lab.cniDir, container.id), "utf8"))).toHaveLength(3);
      expect(await lab.run("DEL", lab.conf(networks, more), { container })).toMatchObject({
        exitCode: 0,
        stdout: "",
      });
      expect(await lab.leftovers()).toEqual([]);
    },
  );

  test("and cannot be executed: it is said", async () => {
    fs.writeFileSync(join(lab.binDir, "fake-text"), "#!/nosuch/sh\n", { mode: 0o755 });
    const container = await lab.container();
    const networks = [lab.bridge("a", 1), { cniVersion: "1.1.0", name: "c", type: "fake-text" }];
    const added = await lab.run("ADD", lab.conf(networks), { container });
    expect(added.answer.code).toBe(5);
    expect(added.answer.msg).toContain("fake-text cannot be executed");
    expect(lab.reserved()).toEqual([]);
  });

  test("and reads nothing of a long conf, but succeeds: so does the ADD", async () => {
    fs.writeFileSync(join(lab.binDir, "fake-deaf"), `#!/bin/sh\nexec 0<&-\necho '{"cniVersion":"1.1.0"}'\n`, {
      mode: 0o755,
    });
    const container = await lab.container();
    const conf = lab.conf([{ cniVersion: "1.1.0", name: "c", type: "fake-deaf", x: "x".repeat(1_000_000) }]);
    expect(await lab.run("ADD", conf, { container })).toMatchObject({
      exitCode: 0,
      answer: { cniVersion: "1.1.0" },
    });
  });
});

describe("logs", () => {
  test("go to the file and rotate, never to stdout", async () => {
    const logFile = join(lab.dir, "log/plexus.log");
    fs.mkdirSync(join(lab.dir, "log"));
    const conf = lab.conf([lab.bridge("a", 1)], {
      logFile,
      logLevel: "debug",
      logToStderr: false,
      logOptions: { maxSize: 1, maxBackups: 2, compress: true },
    });
    for (let round = 0; round < 4; round++) {
      fs.appendFileSync(logFile, "x".repeat(1_100_000));
      const container = await lab.container();
      // A shim leaves the call to plexus, which rotates the file.
      const added = await lab.run("ADD", conf, { container });
      expect(added.exitCode).toBe(0);
      expect(added.stderr).toMatch(/^(plexus-shim: executing plexus: the log file \S+ is to be rotated\n)?$/);
      expect(fs.readFileSync(logFile, "utf8")).toMatch(
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S+ \[debug\] ADD a eth0: /m,
      );
      expect(await lab.run("DEL", conf, { container })).toMatchObject({
        exitCode: 0,
        stdout: "",
        stderr: "",
      });
    }
    const names = fs.readdirSync(join(lab.dir, "log")).sort();
    expect(names).toHaveLength(3);
    expect(names.filter((name) => /^plexus-\d{4}-\d\d-\d\dT[\d.-]+\.log\.gz$/.test(name))).toHaveLength(2);
  });

  test("go to stderr by default, only what is grave", async () => {
    const container = await lab.container();
    const quiet = await lab.run("ADD", lab.conf([lab.bridge("a", 1)]), { container });
    expect(quiet).toMatchObject({ exitCode: 0, stderr: "" });
    const loud = await lab.run("DEL", lab.conf([lab.bridge("a", 1)], { logLevel: "verbose" }), { container });
    expect(loud.stderr).toMatch(/ \[verbose\] DEL container /);
  });

  test("that no log knows the name of is told of on stderr, and nothing else is logged there", async () => {
    const container = await lab.container();
    const conf = lab.conf([lab.bridge("a", 1)], { logLevel: "loud" });
    for (const verb of ["ADD", "DEL"]) {
      const { exitCode, stderr } = await lab.run(verb, conf, { container });
      expect([exitCode, stderr.trim().split("\n")]).toEqual([
        0,
        [expect.stringMatching(/ \[panic\] unknown logLevel "loud": only "panic" is logged$/)],
      ]);
    }
  });
});
