// `plexus-shim --serve`: what a daemon may have it do between the runtime's calls, and what not.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  encode,
  type Frame,
  FrameReader,
  FromShim,
  frame,
  PROTOCOL,
  ToExecutor,
  ToShim,
} from "../../launcher/host/frames.ts";
import { must, outcomeOf } from "../support/outcome.ts";
import { until } from "../support/until.ts";
import { Call, isRunning, LIMITS_MS, Place } from "./fake-resident.ts";
import { SHIMS, sanitized } from "./shims.ts";

/** A daemon that takes executors and their jobs, and answers the runtime's calls. */
class FakeDaemon {
  readonly executors: Socket[] = [];
  readonly answers: Frame[] = [];
  /** What a job, or a call of the runtime, is served with. */
  serve: (call: Call, job: number) => Promise<void> | void = (call) => call.answer();
  private lastId = 0;

  listen(place: Place): Promise<void> {
    return place.listen((socket) => {
      const reader = new FrameReader();
      let call: Call | undefined;
      socket.on("data", (chunk: Buffer) => {
        for (const one of reader.push(chunk)) {
          if (one.type === FromShim.serve) this.executors.push(socket);
          else if (one.type === FromShim.call || one.type === FromShim.work) {
            one.fields.u32();
            one.fields.text();
            call = new Call(socket, one.fields.list(), one.fields.text());
            socket.write(frame(ToShim.accept, 0, PROTOCOL, "test"));
            void this.serve(call, one.type === FromShim.work ? one.fields.u32() : 0);
          } else if (call) call.take(one);
          else this.answers.push(one);
          if (one.type === FromShim.serve) this.welcome(socket);
        }
      });
    });
  }

  /** Takes an executor, and does not fall silent: jobs may take long. */
  private welcome(socket: Socket): void {
    socket.write(frame(ToShim.accept, 0, PROTOCOL, "test"));
    const beat = setInterval(() => socket.write(frame(ToShim.alive, 0)), LIMITS_MS.silence / 10);
    socket.once("close", () => clearInterval(beat)).on("error", () => undefined);
  }

  /** Asks the executor; its answer: a number is an errno, a text why it is refused. */
  async ask(type: number, ...parts: string[]): Promise<Buffer | number | string> {
    const id = ++this.lastId;
    await until("there is an executor", () => this.executors.length > 0);
    this.executors.at(-1)?.write(frame(type, id, ...parts));
    let answer: Frame | undefined;
    await until("the executor has answered", () => {
      answer = this.answers.find((one) => one.id === id);
      return answer !== undefined;
    });
    if (answer?.type === FromShim.refused) return answer.fields.text();
    const errno = answer?.fields.u32() ?? -1;
    return errno === 0 ? (answer?.fields.data() ?? Buffer.alloc(0)) : errno;
  }

  /** A job's exit code, an errno, or why it is refused. */
  async begin(sandbox: string, verb: string): Promise<number | string> {
    const answer = await this.ask(ToExecutor.begin, sandbox, verb);
    return Buffer.isBuffer(answer) ? answer.readUInt32LE() : typeof answer === "number" ? -answer : answer;
  }

  async sandboxes(): Promise<string[][]> {
    const bytes = (await this.ask(ToExecutor.sandboxes)) as Buffer;
    const [only] = new FrameReader().push(frame(1, 0, bytes));
    const fields = only?.fields.inner();
    return Array.from({ length: fields?.u32() ?? 0 }, () => fields?.list() ?? []);
  }
}

const NO_NAMES = ["../netns", "c1@../../netns", ".c1@eth0", "@", "c1@", "", "x".repeat(300)];

let place: Place;
let daemon: FakeDaemon;
let executor: ChildProcess | undefined;
let said = "";

const dir = () => join(place.dir, "sandboxes");
const netns = () => join(place.dir, "netns");
const env = () => ({
  CNI_CONTAINERID: "c1",
  CNI_IFNAME: "eth0",
  CNI_NETNS: netns(),
  CNI_ARGS: "K8S_POD_UID=u",
});
const CONF = '{"name":"n","cniVersion":"1.1.0"}';

/** Arguments of unshare for a command that has another process 1, that of a node. */
function onNode(command: string): string[] {
  const namespaces = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  return [...namespaces, "sh", "-c", `${command}; true`];
}

function serve(): void {
  const child = spawn(place.shim, ["--serve"], { env: { PATH: process.env.PATH ?? "" } });
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
  executor = child;
}

describe.each(SHIMS)("%s", (_, shim) => {
  beforeEach(() => {
    place = new Place(shim);
    place.configure([`sandboxes ${dir()}`]);
    fs.writeFileSync(netns(), ""); // identity is all that counts
    daemon = new FakeDaemon();
    said = "";
  });
  afterEach(async () => {
    const child = executor;
    executor = undefined;
    if (child && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGTERM");
      await ended;
    }
    await place.remove();
    expect(said).not.toMatch(/Sanitizer|runtime error/);
  });

  test("--host enters the mounts of process 1, waits for the shim there and its line, and becomes that one", async () => {
    const inside = join(place.dir, "inside");
    const path = join(inside, "plexus-shim");
    fs.mkdirSync(inside);
    const contained = `mount -t tmpfs tmpfs ${inside} && exec ${place.shim} --serve --host=${path}`;
    const child = spawn("unshare", onNode(`LEAKS=1 unshare --mount sh -c '${contained}'`));
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (printed += text));
    await until("it waits", () => printed.includes("waiting until plexus install --hotplug"));
    fs.writeFileSync(path, '#!/bin/sh\necho "is $*, with: $LEAKS."; ls $(dirname $0)\n', {
      mode: 0o755,
    });
    const configure = (text: string) => {
      fs.writeFileSync(`${path}.new`, text);
      fs.renameSync(`${path}.new`, `${path}.conf`);
    };
    configure("socket /run/s\n#sandboxes /run/plexus-sandboxes\nsandboxes"); // as yet it says nothing
    await new Promise((resolve) => setTimeout(resolve, 2500)); // it looks each second
    expect(child.exitCode).toBe(null);
    configure("socket /run/s\n \tsandboxes\t/run/plexus-sandboxes");
    await until("it has become the other one", () => child.exitCode !== null);
    expect(printed).toContain("is --serve, with: .\nplexus-shim\nplexus-shim.conf\n");
  });

  test("--host says what its container lacks", async () => {
    const serve = (path: string) => `${place.shim} --serve --host=${path}`;
    const printed = (command: string) => must("unshare", onNode(command));
    expect(await printed(serve("/x/plexus-shim"))).toContain(
      "the container needs the node's processes, hostPID",
    );
    expect(await printed(serve("x/plexus-shim"))).toContain(
      "x/plexus-shim is not an absolute and plain path; give that of plexus-shim on the node",
    );
    for (const more of ["--hots=/x", "--host=/x/plexus-shim twice", "-v"])
      expect(await printed(`${place.shim} --serve ${more}`)).toContain("--serve takes --host=PATH, once");
    const without = (name: string) =>
      printed(
        `unshare --mount setpriv --bounding-set -${name} --inh-caps -${name} ${serve("/x/plexus-shim")}`,
      );
    expect(await without("sys_ptrace")).toContain("with the capability SYS_PTRACE");
    expect(await without("sys_chroot")).toContain("needs the capabilities SYS_ADMIN and SYS_CHROOT");
  });

  test("it becomes the shim that an upgrade puts in its place, when no job runs, and is served on", async () => {
    await daemon.listen(place);
    await place.run("ADD", CONF, env());
    serve();
    await until("it is served", () => daemon.executors.length === 1);
    fs.copyFileSync(place.shim, `${place.shim}.new`);
    fs.renameSync(`${place.shim}.new`, place.shim);
    daemon.executors[0]?.write(frame(ToShim.alive, 0));
    await until("it has come back", () => daemon.executors.length === 2);
    expect(fs.readlinkSync(`/proc/${executor?.pid}/exe`)).toBe(place.shim);
    expect(await daemon.begin("c1@eth0", "ADD")).toBe(0);
  });

  test("without a directory for it nothing is noted, and --serve says what is missing", async () => {
    place.configure();
    await daemon.listen(place);
    await place.run("ADD", CONF, env());
    expect(fs.existsSync(dir())).toBe(false);
    serve();
    await until("it has ended", () => executor?.exitCode === 1);
    expect(said).toContain("plexus-shim.conf has no line `sandboxes DIRECTORY`");
  });

  test("a job has the parameters and the conf of the sandbox's ADD, and no others", async () => {
    await daemon.listen(place);
    await place.run("ADD", CONF, env());
    serve();
    expect(await daemon.sandboxes()).toEqual([
      [
        ...["c1@eth0", "attached", "CNI_CONTAINERID=c1", `CNI_NETNS=${netns()}`, "CNI_IFNAME=eth0"],
        ...["CNI_ARGS=K8S_POD_UID=u", `CNI_PATH=${place.plugins}`],
      ],
    ]);
    const seen: [string[], string, number][] = [];
    daemon.serve = (call, job) => {
      seen.push([[...call.env].sort(), call.stdin, job]);
      call.answer();
    };
    expect(await daemon.begin("c1@eth0", "ADD")).toBe(0);
    const given = ["CNI_COMMAND=ADD", `CNI_PATH=${place.plugins}`];
    expect(seen).toEqual([
      [[...Object.entries(env()).map(([key, value]) => `${key}=${value}`), ...given].sort(), CONF, 2],
    ]);
  });

  test("a job executes plugins within the rights of a call: its own container, its own directories", async () => {
    const path = place.plugin("p", "cat");
    await daemon.listen(place);
    await place.run("ADD", CONF, env());
    serve();
    const results: unknown[] = [];
    daemon.serve = async (call) => {
      results.push(await call.execute(path, { env: ["CNI_COMMAND=ADD", `CNI_NETNS=${netns()}`] }));
      results.push(await call.execute(path, { env: ["CNI_NETNS=/proc/1/ns/net"] }));
      results.push(await call.execute(path, { env: ["CNI_CONTAINERID=another"] }));
      results.push(await call.execute("/bin/sh"));
      results.push(await call.file(ToShim.write, join(dir(), "c2@eth0"), Buffer.from("forged")));
      call.answer();
    };
    expect(await daemon.begin("c1@eth0", "ADD")).toBe(0);
    expect(results).toEqual([
      expect.objectContaining({ outcome: 0, value: 0 }),
      "CNI_NETNS is not this call's",
      "CNI_CONTAINERID is not this call's",
      "its directory is neither in CNI_PATH nor among the `plugins` of plexus-shim.conf",
      "plexus-shim.conf does not allow it",
    ]);
  });

  test("a sandbox is attached as long as its network namespace is the one of the ADD; then it may be undone only", async () => {
    await daemon.listen(place);
    await place.run("ADD", CONF, env());
    serve();
    expect(await daemon.begin("c1@eth0", "DEL")).toBe("no such work is done for it");
    fs.renameSync(netns(), `${netns()}.old`);
    fs.writeFileSync(netns(), ""); // another one has its path
    expect((await daemon.sandboxes()).map(([name, life]) => [name, life])).toEqual([["c1@eth0", "gone"]]);
    expect(await daemon.begin("c1@eth0", "ADD")).toBe(-2);
    const seen: string[][] = [];
    daemon.serve = (call) => {
      seen.push(call.env);
      call.answer();
    };
    expect(await daemon.begin("c1@eth0", "DEL")).toBe(0);
    expect(seen[0]).toContain("CNI_NETNS=");
    expect(await daemon.sandboxes()).toEqual([]);
  });

  test("a DEL of one that is gone is tried again if it fails, and nothing is attached in between", async () => {
    await daemon.listen(place);
    await place.run("ADD", CONF, env());
    fs.renameSync(netns(), `${netns()}.old`);
    serve();
    daemon.serve = (call) => call.answer("{}", 1);
    expect(await daemon.begin("c1@eth0", "DEL")).toBe(1);
    expect((await daemon.sandboxes()).map(([name, life]) => [name, life])).toEqual([["c1@eth0~", "ended"]]);
    fs.renameSync(`${netns()}.old`, netns());
    expect(await daemon.begin("c1@eth0", "ADD")).toBe(-2);
    daemon.serve = (call) => call.answer();
    expect(await daemon.begin("c1@eth0~", "DEL")).toBe(0);
    expect(await daemon.sandboxes()).toEqual([]);
  });

  test("a job that attaches is none if a DEL has begun meanwhile", async () => {
    await daemon.listen(place);
    await place.run("ADD", CONF, env());
    fs.renameSync(join(dir(), "c1@eth0"), join(dir(), "c1@eth0~"));
    const served: number[] = [];
    daemon.serve = (call, job) => {
      served.push(job);
      call.answer();
    };
    const begin = (verb: string) => {
      const parameters = { ...env(), CNI_COMMAND: verb, CNI_PATH: place.plugins };
      return outcomeOf(spawn(place.shim, ["--work", "5"], { env: parameters }), CONF, false);
    };
    for (const verb of ["ADD", "CHECK"]) expect(await begin(verb)).toMatchObject({ exitCode: 1 });
    expect(served).toEqual([]);
    expect(await begin("DEL")).toMatchObject({ exitCode: 0 });
    expect(served).toEqual([5]);
  });

  test("a CHECK or a STATUS executes nothing else, and a STATUS is of no container", async () => {
    const path = place.plugin("p", "cat");
    await daemon.listen(place);
    await place.run("ADD", CONF, env());
    serve();
    const seen: [string, unknown][] = [];
    for (const verb of ["CHECK", "STATUS"]) {
      daemon.serve = async (call) => {
        for (const one of ["ADD", "DEL", verb])
          seen.push([one, await call.execute(path, { env: [`CNI_COMMAND=${one}`] })]);
        if (verb === "STATUS") seen.push(["parameters", [...call.env].sort()]);
        call.answer();
      };
      expect(await daemon.begin("c1@eth0", verb)).toBe(0);
    }
    const refused = "CNI_COMMAND does not belong to this call";
    const done = expect.objectContaining({ outcome: 0, value: 0 });
    const given = ["CNI_COMMAND=STATUS", `CNI_PATH=${place.plugins}`];
    const each = (verb: string) => [
      ["ADD", refused],
      ["DEL", refused],
      [verb, done],
    ];
    expect(seen).toEqual([...each("CHECK"), ...each("STATUS"), ["parameters", given]]);
    fs.renameSync(netns(), `${netns()}.old`);
    expect(await daemon.begin("c1@eth0", "CHECK")).toBe(-2);
  });

  test("the node's own network namespace is not one of a sandbox", async () => {
    await daemon.listen(place);
    await place.run("ADD", CONF, { ...env(), CNI_NETNS: "/proc/self/ns/net" });
    serve();
    expect(await daemon.begin("c1@eth0", "ADD")).toBe(-2);
  });

  test("from the beginning of a DEL on nothing is attached; one that succeeds ends the sandbox, one that fails can be repeated", async () => {
    await daemon.listen(place);
    await place.run("ADD", CONF, env());
    serve();
    daemon.serve = async (call) => {
      expect(await daemon.begin("c1@eth0", "ADD")).toBe(-2);
      call.answer("{}", 1);
    };
    expect(await place.run("DEL", CONF, env())).toMatchObject({ exitCode: 1 });
    expect((await daemon.sandboxes()).map(([name, life]) => [name, life])).toEqual([["c1@eth0~", "ended"]]);
    daemon.serve = (call) => call.answer();
    expect(await daemon.begin("c1@eth0~", "ADD")).toBe(-2);
    expect(await daemon.begin("c1@eth0~", "DEL")).toBe(0);
    expect(await daemon.sandboxes()).toEqual([]);
    expect(await daemon.begin("c1@eth0~", "DEL")).toBe(-2);
  });

  test("a job does not become plexus: it ends with what it executes, when the daemon has hung up", async () => {
    const mark = `9${randomBytes(4).readUInt32LE()}`;
    const path = place.plugin("slow", `sleep ${mark}`);
    await daemon.listen(place);
    await place.run("ADD", CONF, env());
    serve();
    daemon.serve = async (call) => {
      void call.execute(path, { env: ["CNI_COMMAND=ADD"] });
      await until("it is executed", () => isRunning(mark));
      call.socket.destroy();
    };
    expect(await daemon.begin("c1@eth0", "ADD")).toBe(1);
    await until("what it executes is gone", () => !isRunning(mark));
    expect(said).toContain("a job is given up: the resident process is gone");
    expect(said).not.toContain("fake ADD");
  });

  test("two jobs do not work on one sandbox at once", async () => {
    await daemon.listen(place);
    await place.run("ADD", CONF, env());
    serve();
    let other: number | string | undefined;
    daemon.serve = async (call) => {
      other = await daemon.begin("c1@eth0", "ADD");
      call.answer();
    };
    expect(await daemon.begin("c1@eth0", "ADD")).toBe(0);
    expect(other).toBe(1);
  });

  test("it comes back when the daemon does, and its jobs end with it", async () => {
    const mark = `9${randomBytes(4).readUInt32LE()}`;
    const path = place.plugin("slow", `sleep ${mark}`);
    await daemon.listen(place);
    await place.run("ADD", CONF, env());
    serve();
    await daemon.sandboxes();
    await place.stopListening();
    daemon = new FakeDaemon();
    await daemon.listen(place);
    expect(await daemon.sandboxes()).toHaveLength(1);
    daemon.serve = (call) => void call.execute(path, { env: ["CNI_COMMAND=ADD"] });
    void daemon.begin("c1@eth0", "ADD").catch(() => undefined);
    await until("it is executed", () => isRunning(mark));
    executor?.kill("SIGKILL");
    await until("what it executes is gone", () => !isRunning(mark));
  });

  test("a directory that others may write to is not used", async () => {
    fs.mkdirSync(dir());
    fs.chmodSync(dir(), 0o777);
    await daemon.listen(place);
    const { exitCode, stderr } = await place.run("ADD", CONF, env());
    expect(exitCode).toBe(0);
    expect(stderr).toContain("it must belong to root, and nobody else may write to it");
    expect(fs.readdirSync(dir())).toEqual([]);
  });

  test.each(NO_NAMES)("%s is not the name of a sandbox", async (name) => {
    await daemon.listen(place);
    await place.run("ADD", CONF, env());
    serve();
    expect(await daemon.begin(name, "ADD")).toBe(-2);
  });
});

test("no frames, whatever is in them, do an executor harm", { timeout: 120_000 }, async () => {
  place = new Place(sanitized);
  place.configure([`sandboxes ${dir()}`]);
  fs.writeFileSync(netns(), "");
  said = "";
  daemon = new FakeDaemon();
  await daemon.listen(place);
  daemon.serve = (call) => call.answer();
  await place.run("ADD", CONF, env());
  await place.stopListening();
  const samples = [
    frame(ToExecutor.begin, 1, "c1@eth0", "ADD"),
    frame(ToExecutor.begin, 2, "c1@eth0", "GC"),
    frame(ToExecutor.begin, 3, "c1@eth0", "VERSION"),
    frame(ToExecutor.sandboxes, 4),
    frame(ToShim.alive, 0),
    frame(ToShim.read, 5, "/etc/passwd", 100),
    frame(ToShim.answer, 0, 0, ""),
    encode(1, 2, 3),
  ];
  let seed = 1;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  let rounds = 0;
  await place.listen((socket) => {
    rounds++;
    socket.on("data", () => undefined);
    const bytes = Buffer.concat(
      Array.from({ length: 1 + random(6) }, () => samples[random(samples.length)] ?? Buffer.alloc(0)),
    );
    for (let count = random(3); count > 0; count--) bytes[random(bytes.length)] = random(256);
    socket.write(frame(ToShim.accept, 0, PROTOCOL, ""));
    setTimeout(() => socket.end(bytes), 1);
  });
  serve();
  await until("it has connected often", () => rounds >= 60);
  expect(executor?.exitCode).toBeNull();
  const ended = new Promise((resolve) => executor?.once("close", resolve));
  executor?.kill("SIGTERM");
  await ended;
  executor = undefined;
  await place.remove();
  expect(said).not.toMatch(/Sanitizer|runtime error/);
});
