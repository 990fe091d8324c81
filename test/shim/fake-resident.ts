// A resident process that does what a test says, and a place for the shim to be executed in.
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import {
  encode,
  type Frame,
  FrameReader,
  FromShim,
  frame,
  type Part,
  PROTOCOL,
  ToShim,
} from "../../launcher/host/frames.ts";
import { SLOWNESS } from "../support/pace.ts";
import { processes } from "../support/resident.ts";

export interface Outcome {
  exitCode: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

interface Ended {
  outcome: number;
  value: number;
  stdout: string;
  stderr: string;
}

/** One call that a shim has made, accepted. */
export class Call {
  readonly env: string[];
  readonly stdin: string;
  private lastId = 0;
  private readonly waiting = new Map<number, (frame: Frame) => void>();
  readonly socket: Socket;
  /** What it has told of directories that survive a loss of power. */
  readonly synced: string[] = [];

  constructor(socket: Socket, env: string[], stdin: string) {
    this.socket = socket;
    this.env = env;
    this.stdin = stdin;
  }

  take(answer: Frame): void {
    if (answer.type === FromShim.synced) this.synced.push(...answer.fields.list());
    this.waiting.get(answer.id)?.(answer);
  }

  /** Tells it what shims before it have told. */
  know(words: string[]): void {
    this.socket.write(frame(ToShim.known, 0, words));
  }

  ask(type: number, ...parts: Part[]): Promise<Frame> {
    const id = ++this.lastId;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.socket.write(frame(type, id, ...parts));
    });
  }

  /** A file operation's result; or its errno, or why it is refused. */
  async file(type: number, path: string, ...parts: Part[]): Promise<Buffer | number | string> {
    const { type: answer, fields } = await this.ask(type, path, ...parts);
    if (answer === FromShim.refused) return fields.text();
    const errno = fields.u32();
    return errno === 0 ? fields.data() : errno;
  }

  /** What came of an execution; or why it is refused. */
  async execute(
    path: string,
    { env = [] as string[], timeout = 0, limit = 1 << 20, stdin = "{}" } = {},
  ): Promise<Ended | string> {
    return this.ended(ToShim.execute, path, env, timeout, limit, Buffer.from(stdin));
  }

  /** What came of network requests, each as its words; or why they are refused. */
  configure(netns: string, requests: string[][], family = 0): Promise<Ended | string> {
    return this.ended(ToShim.configure, netns, family, encode(...requests));
  }

  /** What came of a request that executes something; or why it is refused. */
  async ended(type: number, ...parts: Part[]): Promise<Ended | string> {
    const { type: answer, fields } = await this.ask(type, ...parts);
    if (answer === FromShim.refused) return fields.text();
    const [outcome, value] = [fields.u32(), fields.u32()];
    return { outcome, value, stdout: fields.text(), stderr: fields.text() };
  }

  answer(stdout = "", exitCode = 0): void {
    this.socket.end(frame(ToShim.answer, 0, exitCode, stdout));
  }
}

/** The reason that the shim gives for what its rights do not cover. */
export const REFUSED = "plexus-shim.conf does not allow it";

/** How long the shim waits for a resident process: tests wait for that, so it is short, and enough for a fake one on a slow machine. */
export const LIMITS_MS = {
  accept: Math.ceil(1000 * SLOWNESS),
  silence: Math.ceil(2000 * SLOWNESS),
  connect: Math.ceil(300 * SLOWNESS),
};

/** A directory with the shim, what it may use, and a `plexus` beside it that says what it was executed with. */
export class Place {
  readonly dir = fs.mkdtempSync(join(tmpdir(), "plexus-shim-"));
  /** The shim. */
  readonly shim = join(this.dir, "plexus-shim");
  readonly socket = join(this.dir, "run/s");
  readonly plugins = join(this.dir, "plugins");
  readonly state = join(this.dir, "state");
  readonly confs = join(this.dir, "confs");
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();

  constructor(shim: string) {
    for (const dir of ["run", "plugins", "state", "confs"])
      fs.mkdirSync(join(this.dir, dir), { mode: 0o700 });
    fs.copyFileSync(shim, this.shim);
    this.configure();
    const plexus = `#!/bin/sh\nprintf 'fake %s ' "$CNI_COMMAND"; cat\n`;
    fs.writeFileSync(join(this.dir, "plexus"), plexus, { mode: 0o755 });
  }

  configure(more: string[] = [], mode = 0o600): void {
    const lines = [
      `socket ${this.socket}`,
      `state ${this.state}`,
      `read ${this.confs}`,
      ...Object.entries(LIMITS_MS).map(([name, ms]) => `${name}-timeout-ms ${ms}`),
    ];
    const conf = [...lines, ...more].map((line) => `${line}\n`);
    fs.writeFileSync(`${this.shim}.conf`, conf.join(""));
    fs.chmodSync(`${this.shim}.conf`, mode);
  }

  /** A plugin that is this shell script. */
  plugin(name: string, script: string): string {
    const path = join(this.plugins, name);
    fs.writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return path;
  }

  /** Serves every call with `serve`; what that throws fails the test. */
  resident(serve: (call: Call) => Promise<void> | void): Promise<void> {
    return this.listen((socket) => {
      const reader = new FrameReader();
      let call: Call | undefined;
      socket.on("data", (chunk: Buffer) => {
        for (const one of reader.push(chunk)) {
          if (call) {
            call.take(one);
            continue;
          }
          one.fields.u32();
          one.fields.text();
          call = new Call(socket, one.fields.list(), one.fields.text());
          socket.write(frame(ToShim.accept, 0, PROTOCOL, "test"));
          Promise.resolve(serve(call)).catch((error: unknown) => call?.answer(String(error), 99));
        }
      });
    });
  }

  /** Runs the shim for a resident process that does `work`, and then answers. Returns what `work` does. */
  async served<T>(work: (call: Call) => Promise<T>, env: Record<string, string> = {}): Promise<T> {
    return (await this.servedWith(work, env)).result;
  }

  /** The same, with what the shim printed on stderr. */
  async servedWith<T>(
    work: (call: Call) => Promise<T>,
    env: Record<string, string> = {},
  ): Promise<{ result: T; stderr: string }> {
    const results: T[] = [];
    await this.resident(async (call) => {
      results.push(await work(call));
      call.answer("done");
    });
    const { exitCode, stdout, stderr } = await this.run("ADD", "{}", env);
    await this.stopListening(); // so that another one can
    if (exitCode !== 0 || stdout !== "done" || results.length === 0)
      throw new Error(`the shim exited with ${exitCode}: ${stdout}${stderr}`);
    return { result: results[0] as T, stderr };
  }

  /** Listens on the socket, as only root may. */
  async listen(connected: (socket: Socket) => void, mode = 0o600): Promise<void> {
    const server = createServer((socket) => {
      this.sockets.add(socket);
      socket.on("error", () => undefined);
      connected(socket);
    });
    this.server = server;
    await new Promise<void>((resolve, reject) => server.on("error", reject).listen(this.socket, resolve));
    fs.chmodSync(this.socket, mode);
  }

  /** Gives up the socket, for another resident process. */
  async stopListening(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
    const { server } = this;
    this.server = undefined;
    if (server) await new Promise((resolve) => server.close(resolve));
  }

  /** Executes the shim, as a runtime does. */
  run(verb = "ADD", stdin = "{}", env: Record<string, string> = {}): Promise<Outcome> {
    return this.start(verb, stdin, env).outcome;
  }

  start(
    verb = "ADD",
    stdin = "{}",
    env: Record<string, string> = {},
  ): { pid: number; outcome: Promise<Outcome> } {
    const { child, outcome } = this.launch([this.shim], verb, env);
    child.stdin.end(stdin);
    return { pid: child.pid ?? 0, outcome };
  }

  /** Executes a command that executes the shim, for an ADD. */
  runBy(command: string[], env: Record<string, string> = {}): Promise<Outcome> {
    const { child, outcome } = this.launch(command, "ADD", env);
    child.stdin.end("{}");
    return outcome;
  }

  /** Executes the shim for an ADD, and installs another one in its place before it has read its conf. */
  runReplaced(alsoDone: () => void = () => undefined): Promise<Outcome> {
    const { child, outcome } = this.launch([this.shim], "ADD", {});
    fs.copyFileSync(this.shim, `${this.shim}.new`);
    fs.renameSync(`${this.shim}.new`, this.shim);
    alsoDone();
    child.stdin.end("{}"); // it reads that first
    return outcome;
  }

  private launch([command = "", ...args]: string[], verb: string, env: Record<string, string>) {
    const given = { PATH: process.env.PATH ?? "", CNI_COMMAND: verb, CNI_PATH: this.plugins, ...env };
    const child = spawn(command, args, { env: given });
    child.stdin.on("error", () => undefined);
    const ended = new Promise<[number | null, string | null]>((resolve) =>
      child.on("close", (code, signal) => resolve([code, signal])),
    );
    const outcome = Promise.all([ended, text(child.stdout), text(child.stderr)]).then(
      ([[exitCode, signal], stdout, stderr]) => ({ exitCode, signal, stdout, stderr }),
    );
    return { child, outcome };
  }

  /** Kills what the shim has started as resident process. */
  endStarted(): void {
    for (const pid of processes((command) => command.includes(`resident\0--socket\0${this.socket}`)))
      process.kill(pid, "SIGKILL");
  }

  async remove(): Promise<void> {
    await this.stopListening();
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Is a process with this in its command line alive? */
export function isRunning(mark: string): boolean {
  return processes((command) => command.includes(mark)).length > 0;
}
