// The host is the machine this process runs on.
import { isUtf8 } from "node:buffer";
import * as fs from "node:fs";
import { basename, dirname } from "node:path";
import { makeDirectory } from "../directory.ts";
import { Code, Fault } from "../fault.ts";
import { endedBy, saidTooMuch, tookTooLong } from "./endings.ts";
import { type ExecuteOptions, type Execution, type Host, SYSTEM_DIRS } from "./host.ts";

/** What a plugin may print. The largest results in use have a few kilobytes. */
const MAX_OUTPUT = 4 << 20;

export const localHost: Host = {
  prepare: childProcess,

  async find(name, dirs) {
    return findFile(name, dirs);
  },

  execute,

  async read(path) {
    return unlessMissing(() => fs.readFileSync(path, "utf8"), undefined);
  },

  async list(dir) {
    return unlessMissing(() => fs.readdirSync(dir).sort(), []);
  },

  async isDirectory(path) {
    return fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  },

  async exists(path) {
    return fs.existsSync(path);
  },

  write(path, text) {
    return writeWhole(path, text, (temporary) => fs.renameSync(temporary, path));
  },

  async create(path, text) {
    try {
      await writeWhole(path, text, (temporary) => {
        fs.linkSync(temporary, path);
        fs.unlinkSync(temporary);
      });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    }
  },

  async readlink(path) {
    return unlessMissing(() => fs.readlinkSync(path), undefined);
  },

  async set(path, value) {
    const file = fs.openSync(path, fs.constants.O_WRONLY); // never made: sysfs is the kernel's
    try {
      fs.writeSync(file, value);
    } finally {
      fs.closeSync(file);
    }
  },

  async remove(path) {
    unlessMissing(() => fs.unlinkSync(path), undefined);
  },
};

/** Writes and syncs a file beside `path`, which `place` then gives its name. */
async function writeWhole(path: string, text: string, place: (temporary: string) => void): Promise<void> {
  const temporary = `${dirname(path)}/.${basename(path)}.${process.pid}`;
  let file: number;
  try {
    file = fs.openSync(temporary, "w", 0o600);
  } catch (error) {
    if (!isMissing(error)) throw error;
    makeDirectory(dirname(path), 0o700);
    file = fs.openSync(temporary, "w", 0o600);
  }
  try {
    fs.writeFileSync(file, text);
    await sync(file);
    place(temporary);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  } finally {
    fs.closeSync(file);
  }
}

function findFile(name: string, dirs: string[]): string | undefined {
  for (const dir of dirs) {
    const path = `${dir}/${name}`;
    if (fs.statSync(path, { throwIfNoEntry: false })?.isFile()) return path;
  }
  return undefined;
}

/** Loading it takes 3 ms, which a pod's ADD has while it waits for the API server. */
function childProcess(): typeof import("node:child_process") {
  return process.getBuiltinModule("node:child_process");
}

/** The same, with delegates that are executed beside each other. */
export const parallelHost: Host = { ...localHost, execute: executeBeside };

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR";
}

function unlessMissing<T>(read: () => T, missing: T): T {
  try {
    return read();
  } catch (error) {
    if (isMissing(error)) return missing;
    throw error;
  }
}

function sync(file: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fdatasync(file, (error) => (error ? reject(error) : resolve()));
  });
}

/**
 * Synchronously: there is nothing to do meanwhile, and not setting up streams saves 1.5 ms a plugin. With a time limit the
 * plugin leads a process group of its own, so that the limit ends it with all that it started.
 */
async function execute(path: string, options: ExecuteOptions): Promise<Execution> {
  const [command, args, more] = commandOf(path, options);
  const ended = childProcess().spawnSync(command, args, {
    ...more,
    input: options.stdin,
    maxBuffer: MAX_OUTPUT,
    killSignal: "SIGKILL",
  });
  const { pid, status, signal, stdout, stderr } = ended;
  const error = ended.error as NodeJS.ErrnoException | undefined;
  if (error && options.timeout > 0) killGroup(pid);
  if (error?.code === "ETIMEDOUT") throw tookTooLong(path, options.timeout);
  if (error?.code === "ENOBUFS") throw saidTooMuch(path, MAX_OUTPUT);
  // A plugin that ends before it has read its stdin says why by its exit: EPIPE is not the reason.
  if (error && error.code !== "EPIPE") throw notExecuted(path, error);
  return executionOf(path, { status, signal, stdout, stderr });
}

/** While others are executed. */
function executeBeside(path: string, options: ExecuteOptions): Promise<Execution> {
  const [command, args, more] = commandOf(path, options);
  return new Promise((resolve, reject) => {
    const { timeout: _, ...spawned } = more;
    const child = childProcess().spawn(command, args, { ...spawned, stdio: "pipe" });
    const chunks: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
    let size = 0;
    let fault: Fault | undefined;
    const end = (why: Fault) => {
      fault ??= why;
      if (options.timeout > 0) killGroup(child.pid ?? 0);
      child.kill("SIGKILL");
    };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_OUTPUT) end(saidTooMuch(path, MAX_OUTPUT));
        else chunks[name].push(chunk);
      });
    }
    const limit = options.timeout > 0 ? options.timeout : undefined;
    const timer = limit && setTimeout(() => end(tookTooLong(path, limit)), limit);
    child.stdin.on("error", () => undefined); // as above
    child.stdin.end(options.stdin);
    child.on("error", (error) => {
      fault ??= notExecuted(path, error);
    });
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      const [stdout, stderr] = [Buffer.concat(chunks.stdout), Buffer.concat(chunks.stderr)];
      try {
        if (fault) throw fault;
        resolve(executionOf(path, { status, signal, stdout, stderr }));
      } catch (error) {
        reject(error);
      }
    });
  });
}

function commandOf(path: string, options: ExecuteOptions) {
  const { args = [], netns, env, timeout } = options;
  const [command, all] = netns === undefined ? [path, args] : entering(netns, path, options);
  return [command, all, { env, ...(timeout > 0 ? { timeout, detached: true } : {}) }] as const;
}

interface End {
  status: number | null;
  signal: string | null;
  stdout: Buffer;
  stderr: Buffer;
}

function executionOf(path: string, { status, signal, stdout, stderr }: End): Execution {
  if (signal) throw endedBy(path, signal, stderr.toString());
  if (!isUtf8(stdout)) throw new Fault(Code.decodeFailure, `${path} printed bytes that are not UTF-8`);
  return { exitCode: status ?? 0, stdout: stdout.toString(), stderr: stderr.toString() };
}

function notExecuted(path: string, error: Error): Fault {
  return new Fault(Code.ioFailure, `${path} cannot be executed: ${error.message}`);
}

/** Node cannot enter a namespace; util-linux can. */
function entering(netns: string, path: string, { args = [] }: ExecuteOptions): [string, string[]] {
  const nsenter = findFile("nsenter", SYSTEM_DIRS);
  if (nsenter !== undefined) return [nsenter, [`--net=${netns}`, path, ...args]];
  throw new Fault(
    Code.pluginNotAvailable,
    `${path} must run in the pod's network namespace, which needs the command nsenter on the node: install util-linux`,
  );
}

function killGroup(leader: number): void {
  if (leader <= 0) return; // it was never started
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // All of it has ended in the meantime.
  }
}
