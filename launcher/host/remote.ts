// The host is the machine on which the runtime executed the shim at the other end of a connection: docs/protocol.md.
import type { Socket } from "node:net";
import { basename } from "node:path";
import { Code, Fault } from "../fault.ts";
import { MAX_FILE } from "../sizes.ts";
import { Earlier } from "./earlier.ts";
import {
  answerFrame,
  encode,
  type Fields,
  type Frame,
  FrameReader,
  FromShim,
  frame,
  type Part,
  PROTOCOL,
  ToExecutor,
  ToShim,
} from "./frames.ts";
import {
  type ExecuteOptions,
  type Execution,
  type Host,
  LeftToNode,
  MAX_OUTPUT,
  type Sandbox,
} from "./host.ts";
import { linkIn, requireConfigured, requireMoved, requireSet } from "./iproute.ts";
import { switchesOf, wordsOf } from "./network.ts";
import { executionOf, isTooLarge, resultOf, unlessMissing, unlessOdd, unlessThere } from "./replies.ts";

/** Characters of a text for the shim's stderr: it writes a MiB a call at most. */
const MAX_SAID = 1 << 20;
const DIRECTORY = 2;
/** The variables of the CNI spec, section 2 "Parameters": the shim sets no others for a plugin. */
const VARIABLES = ["CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH"];
/** How the names of marks begin: Host.mark. */
const MARK = ".plexus-";
const ALREADY_ENDED = "the runtime's call has ended before it was answered";

/** The CNI_* variables and the stdin that the runtime gave to the shim. */
export interface Received {
  env: Record<string, string>;
  stdin: Buffer;
  /** The number of the job that it is: `begin` has given it. Absent from a call of the runtime. */
  job?: number;
}

interface Waiting {
  resolve(frame: Frame): void;
  reject(error: Error): void;
}

/** Where a plugin is, if anywhere; or why the shim does not say so. */
interface Found {
  path?: string | undefined;
  refused?: string;
}

/** One execution of the shim. Its host serves until it has been answered, or is gone. */
export class Shim {
  /** Why the call has to be left to `plexus` beside the shim: for what the shim did not do first. Nothing follows on it. */
  refusal: string | undefined;
  /** Is it a job that nobody else does? Then what the shim does not do has failed, and the rest goes on. */
  isAlone = false;
  /** Resolves when the connection is closed. */
  readonly gone: Promise<void>;
  private readonly waiting = new Map<number, Waiting>();
  /** Plugins by name and directories. */
  private readonly found = new Map<string, Promise<Found>>();
  private readonly reader = new FrameReader();
  private readonly socket: Socket;
  private readonly earlier: Earlier;
  private lastId = 0;
  private accepted = false;

  /**
   * @param called is told once, how the runtime executed the shim; undefined if it is an executor
   * @param earlier is what shims before this one have told
   */
  constructor(socket: Socket, called: (received: Received | undefined) => void, earlier = new Earlier()) {
    this.socket = socket;
    this.earlier = earlier;
    socket.on("data", (chunk: Buffer) => {
      try {
        for (const one of this.reader.push(chunk)) this.take(one, called);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on("error", () => undefined); // it closes, too
    this.gone = new Promise((resolve) => {
      socket.on("close", () => {
        const error = new Fault(Code.tryAgainLater, ALREADY_ENDED);
        for (const { reject } of this.waiting.values()) reject(error);
        this.waiting.clear();
        resolve();
      });
    });
  }

  /** @param known what shims before this one have told; nothing for an executor, which does not work by itself */
  accept(version: string, known = this.earlier.known): void {
    this.accepted = true;
    const knowing = known.length > 0 ? [frame(ToShim.known, 0, known)] : [];
    this.write(Buffer.concat([frame(ToShim.accept, 0, PROTOCOL, version), ...knowing]));
  }

  /** Says that the call is not forgotten, once it has been accepted: that is the first frame. */
  alive(): void {
    if (this.accepted && this.socket.writable) this.socket.write(frame(ToShim.alive, 0));
  }

  /** Writes to the shim's stderr, which the runtime keeps. */
  say(text: string): void {
    if (this.socket.writable) this.socket.write(frame(ToShim.say, 0, Buffer.from(text.slice(0, MAX_SAID))));
  }

  answer(exitCode: number, stdout: string): void {
    this.socket.end(answerFrame(exitCode, stdout));
  }

  /** Leaves the call to `plexus` beside the shim. */
  fallBack(why: string): void {
    this.socket.end(frame(ToShim.fallBack, 0, Buffer.from(why.slice(0, MAX_SAID))));
  }

  /** Ends the connection: all that was begun by it ends. */
  hangUp(): void {
    this.socket.destroy();
  }

  /** Asks an executor for the sandboxes of its node. */
  async sandboxes(): Promise<Sandbox[]> {
    const result = resultOf((await this.send(ToExecutor.sandboxes, [])).fields, "the sandboxes of the node");
    return Array.from({ length: result.u32() }, () => {
      const [name = "", life, ...parameters] = result.list();
      return { name, life: life as Sandbox["life"], env: Object.fromEntries(parameters.map(splitVariable)) };
    });
  }

  /**
   * Has an executor begin a job, whose shim comes with its number. Resolves with its exit code when it has ended. Rejects with
   * code 11 if it cannot be begun now.
   *
   * @param job a number that no other job has, above those of requests
   */
  async begin(sandbox: string, verb: string, job: number): Promise<number> {
    const { type, fields } = await this.send(ToExecutor.begin, [sandbox, verb], job);
    if (type === FromShim.refused)
      throw new Fault(Code.internal, `the executor refused it: ${fields.text()}`);
    try {
      return resultOf(fields, `sandbox ${sandbox}`).u32();
    } catch (error) {
      const { message } = Fault.of(error);
      throw new Fault(
        Code.tryAgainLater,
        `a job cannot be begun: ${message}; try again: eight others run (EAGAIN), or the runtime deletes the sandbox (ENOENT)`,
      );
    }
  }

  /** The host of the call. What it cannot do rejects with LeftToNode, and `refusal` says so. */
  readonly host: Host = {
    prepare: (dirs) => this.lookAhead(dirs),
    find: (name, dirs) => this.find(name, dirs),
    execute: (path, options) => this.execute(path, options),
    configure: async (batch) => {
      const { family = 0, netns, requests } = batch;
      if (requests.length === 0) return;
      const words = encode(...requests.map(wordsOf));
      const ended = await this.ask(ToShim.configure, netns, family, words);
      requireConfigured(batch, executionOf(ended, "ip"));
    },
    showLink: async (name, netns = "") =>
      linkIn(executionOf(await this.ask(ToShim.show, netns, name), "ip"), name, netns),
    sysctl: async (netns, link, sysctls) =>
      requireSet(
        executionOf(await this.ask(ToShim.sysctl, netns, link, switchesOf(sysctls)), "sysctl"),
        link,
        netns,
      ),
    moveRdma: async (name, to, netns = "") =>
      requireMoved(executionOf(await this.ask(ToShim.rdma, netns, name, to), "rdma"), name, netns),
    read: async (path, whose) => {
      const content = await this.file(ToShim.read, path, MAX_FILE).catch((error: unknown) => {
        // What a frame cannot carry, `plexus` on the node reads.
        if (whose === "own" && isTooLarge(error) && !this.isAlone)
          return this.leave(`${path} is too large for it`);
        return unlessOdd(whose)(error);
      });
      return content?.rest().toString();
    },
    list: async (dir) => (await this.file(ToShim.list, dir).catch(unlessMissing))?.list().sort() ?? [],
    isDirectory: async (path) => (await this.file(ToShim.kind, path)).u32() === DIRECTORY,
    exists: async (path) => (await this.file(ToShim.kind, path)).u32() !== 0,
    size: async (path) => {
      const status = await this.logFile(ToShim.kind, path);
      status.u32();
      return status.u32() * 1024;
    },
    write: async (path, text) => void (await this.file(ToShim.write, path, Buffer.from(text))),
    writeSoon: async (path, text) => void (await this.file(ToShim.writeSoon, path, Buffer.from(text))),
    settle: async (dir, names) => void (await this.file(ToShim.settle, dir, names)),
    create: async (path, text) => {
      const made = await this.file(ToShim.create, path, Buffer.from(text)).catch(unlessThere);
      return made !== undefined;
    },
    append: async (path, text) => void (await this.logFile(ToShim.append, path, Buffer.from(text))),
    // The next call of the runtime rotates what a job finds too large.
    rotate: (path) =>
      this.isAlone ? Promise.resolve() : this.leave(`the log file ${path} is to be rotated`),
    grpc: (socket) => this.leave(`it needs the socket ${socket}`),
    readlink: async (path) =>
      (await this.file(ToShim.readlink, path).catch(unlessMissing))?.data().toString(),
    set: async (path, value) => void (await this.file(ToShim.set, path, Buffer.from(value))),
    remove: async (path) => void (await this.file(ToShim.remove, path)),
    clearTemporaries: async (dir) => void (await this.file(ToShim.clear, dir)),
    mark: async (path) => (await this.file(ToShim.mark, path)).text(),
    sync: async (dir) => void (await this.file(ToShim.sync, dir)),
  };

  private take({ type, id, fields }: Frame, called: (received: Received | undefined) => void): void {
    if (type === FromShim.call || type === FromShim.serve || type === FromShim.work) {
      const version = fields.u32();
      if (version !== PROTOCOL) {
        this.fallBack(`the shim speaks protocol ${version}, not ${PROTOCOL}`);
        return;
      }
      fields.text();
      if (type === FromShim.serve) {
        called(undefined);
        return;
      }
      const env = Object.fromEntries(fields.list().map(splitVariable));
      const stdin = fields.data();
      called({ env, stdin, ...(type === FromShim.work ? { job: fields.u32() } : {}) });
      return;
    }
    if (type === FromShim.synced) {
      this.earlier.synced(fields.list());
      return;
    }
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    waiting?.resolve({ type, id, fields });
  }

  private leave(why: string): Promise<never> {
    if (this.isAlone)
      return Promise.reject(
        new LeftToNode(`it cannot be done while the pod runs: ${why}; create the pod anew`, true),
      );
    this.refusal ??= why;
    return Promise.reject(
      new LeftToNode(`cannot do this through the shim: ${this.refusal}; plexus on the node does it`),
    );
  }

  /**
   * Nobody goes on with a call that is left to `plexus`, whoever catches the error; but others need not wait for its marks.
   */
  private async ask(type: number, ...parts: Part[]): Promise<Fields> {
    const isRelease = type === ToShim.remove && basename(`${parts[0]}`).startsWith(MARK);
    if (this.refusal !== undefined && !isRelease) return this.leave(this.refusal);
    const answer = await this.send(type, parts);
    if (answer.type !== FromShim.refused) return answer.fields;
    return this.leave(`the shim refused it: ${answer.fields.text()}`);
  }

  private send(type: number, parts: readonly Part[], id = ++this.lastId): Promise<Frame> {
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) {
        reject(new Fault(Code.tryAgainLater, ALREADY_ENDED));
        return;
      }
      const bytes = frame(type, id, ...parts);
      this.waiting.set(id, { resolve, reject });
      this.write(bytes);
    });
  }

  /** What is asked for in one go goes out in one piece: the shim wakes up once for it. */
  private write(bytes: Buffer): void {
    if (this.socket.writableCorked === 0) {
      this.socket.cork();
      process.nextTick(() => this.socket.uncork());
    }
    this.socket.write(bytes);
  }

  private async find(name: string, dirs: string[]): Promise<string | undefined> {
    if (this.refusal !== undefined) return this.leave(this.refusal);
    const { path, refused } = await this.look(name, dirs);
    if (refused !== undefined) return this.leave(`the shim refused it: ${refused}`);
    if (path !== undefined) this.earlier.found(name, dirs);
    return path;
  }

  /** Asks once a call: its plugins stay where they are. */
  private look(name: string, dirs: string[]): Promise<Found> {
    const key = [name, ...dirs].join(":");
    const asked = this.found.get(key) ?? this.send(ToShim.find, [name, dirs]).then(foundBy(name));
    this.found.set(key, asked);
    return asked;
  }

  /**
   * Asks for the plugins of other calls together with the first files: mostly this call wants the same. One that this shim
   * refuses stops nothing, unless the call does want it.
   */
  private lookAhead(dirs: string[]): void {
    for (const name of this.earlier.plugins(dirs)) {
      this.look(name, dirs).then(
        ({ path }) => path ?? this.earlier.forget(name, dirs),
        () => undefined, // whoever wants it gets the error
      );
    }
  }

  private async file(type: number, path: string, ...parts: Part[]): Promise<Fields> {
    return resultOf(await this.ask(type, path, ...parts), path);
  }

  /** For a log file: without it the call goes on here. */
  private async logFile(type: number, path: string, ...parts: Part[]): Promise<Fields> {
    const answer = await this.send(type, [path, ...parts]);
    if (answer.type !== FromShim.refused) return resultOf(answer.fields, path);
    throw new Fault(Code.ioFailure, `${path}: ${answer.fields.text()}`);
  }

  private async execute(path: string, { env, stdin, timeout }: ExecuteOptions): Promise<Execution> {
    const variables = VARIABLES.flatMap((name) => (env[name] === undefined ? [] : `${name}=${env[name]}`));
    const asked = [path, variables, timeout, MAX_OUTPUT, Buffer.from(stdin)];
    return executionOf(await this.ask(ToShim.execute, ...asked), path, timeout);
  }
}

function foundBy(name: string): (answer: Frame) => Found {
  return ({ type, fields }) =>
    type === FromShim.refused
      ? { refused: fields.text() }
      : { path: resultOf(fields, name).text() || undefined };
}

function splitVariable(text: string): [string, string] {
  const at = text.indexOf("=");
  return [text.slice(0, at), text.slice(at + 1)];
}
