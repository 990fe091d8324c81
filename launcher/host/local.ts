// The host is the machine this process runs on.
import { isUtf8 } from "node:buffer";
import * as fs from "node:fs";
import { basename, dirname } from "node:path";
import { Code, Fault } from "../fault.ts";
import { makeDirectory } from "./directory.ts";
import type { ExecuteOptions, Execution, Host } from "./host.ts";

/** What a plugin may print. The largest results in use have a few kilobytes. */
const MAX_OUTPUT = 4 << 20;

export const localHost: Host = {
  prepare: childProcess,

  find(name, dirs) {
    for (const dir of dirs) {
      const path = `${dir}/${name}`;
      if (fs.statSync(path, { throwIfNoEntry: false })?.isFile()) return path;
    }
    return undefined;
  },

  execute,

  read(path) {
    return unlessMissing(() => fs.readFileSync(path, "utf8"), undefined);
  },

  list(dir) {
    return unlessMissing(() => fs.readdirSync(dir).sort(), []);
  },

  isDirectory(path) {
    return fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  },

  exists(path) {
    return fs.existsSync(path);
  },

  async write(path, text) {
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
      fs.renameSync(temporary, path);
    } catch (error) {
      fs.rmSync(temporary, { force: true });
      throw error;
    } finally {
      fs.closeSync(file);
    }
  },

  remove(path) {
    unlessMissing(() => fs.unlinkSync(path), undefined);
  },
};

/** Loading it takes 3 ms, which a pod's ADD has while it waits for the API server. */
function childProcess(): typeof import("node:child_process") {
  return process.getBuiltinModule("node:child_process");
}

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
async function execute(path: string, { args = [], env, stdin, timeout }: ExecuteOptions): Promise<Execution> {
  const options = { env, input: stdin, maxBuffer: MAX_OUTPUT, killSignal: "SIGKILL" as const };
  const limit = timeout > 0 ? { timeout, detached: true } : {};
  const { pid, status, signal, stdout, stderr, error } = childProcess().spawnSync(path, args, {
    ...options,
    ...limit,
  });
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (error && timeout > 0) killGroup(pid);
  if (code === "ETIMEDOUT") {
    const seconds = `${timeout / 1000} s (\`delegateTimeoutSeconds\`)`;
    throw new Fault(Code.tryAgainLater, `${path} took longer than ${seconds} and was ended`);
  }
  if (code === "ENOBUFS") {
    throw new Fault(Code.decodeFailure, `${path} printed more than ${MAX_OUTPUT >> 20} MiB and was ended`);
  }
  // A plugin that ends before it has read its stdin says why by its exit: EPIPE is not the reason.
  if (error && code !== "EPIPE") {
    throw new Fault(Code.ioFailure, `${path} cannot be executed: ${error.message}`);
  }
  if (signal) {
    const said = stderr.toString().trim().slice(0, 500);
    throw new Fault(
      Code.internal,
      `${path} was ended by ${signal}${said === "" ? "" : `; on stderr: ${said}`}`,
    );
  }
  if (!isUtf8(stdout)) throw new Fault(Code.decodeFailure, `${path} printed bytes that are not UTF-8`);
  return { exitCode: status ?? 0, stdout: stdout.toString(), stderr: stderr.toString() };
}

function killGroup(leader: number): void {
  if (leader <= 0) return; // it was never started
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // All of it has ended in the meantime.
  }
}
