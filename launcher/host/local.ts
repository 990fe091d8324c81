// The host is the machine this process runs on.
import { isUtf8 } from "node:buffer";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { basename, dirname } from "node:path";
import { Code, Fault } from "../fault.ts";
import { makeDirectory } from "./directory.ts";
import type { ExecuteOptions, Execution, Host } from "./host.ts";

/** What a plugin may print. The largest results in use have a few kilobytes. */
const MAX_OUTPUT = 4 << 20;

export const localHost: Host = {
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
    fs.rmSync(path, { force: true });
  },
};

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

async function execute(path: string, options: ExecuteOptions): Promise<Execution> {
  return options.timeout > 0 ? executeWithin(path, options) : executeToEnd(path, options);
}

/** Without a time limit there is nothing to do meanwhile, and not setting up streams saves 1.5 ms a plugin. */
function executeToEnd(path: string, { env, stdin }: ExecuteOptions): Execution {
  const { status, signal, stdout, stderr, error } = spawnSync(path, {
    env,
    input: stdin,
    maxBuffer: MAX_OUTPUT,
    killSignal: "SIGKILL",
  });
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === "ENOBUFS") throw printedTooMuch(path);
  // A plugin that ends before it has read its stdin says why by its exit: EPIPE is not the reason.
  if (error && code !== "EPIPE") throw notExecutable(path, error);
  return execution(path, status, signal, stdout, stderr);
}

function executeWithin(path: string, { env, stdin, timeout }: ExecuteOptions): Promise<Execution> {
  return new Promise((resolve, reject) => {
    // Its own process group, so that the time limit ends it with all that it started.
    const child = spawn(path, { env, stdio: "pipe", detached: true });
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    let size = 0;
    let settled = false;
    const settle = (action: () => void) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      child.stdout.destroy();
      child.stderr.destroy();
      action();
    };
    const abandon = (fault: Fault) =>
      settle(() => {
        killGroup(child);
        reject(fault);
      });
    const collect = (stream: "stdout" | "stderr") => (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_OUTPUT) abandon(printedTooMuch(path));
      else output[stream].push(chunk);
    };
    const timer = setTimeout(() => {
      const limit = `${timeout / 1000} s (\`delegateTimeoutSeconds\`)`;
      abandon(new Fault(Code.tryAgainLater, `${path} took longer than ${limit} and was ended`));
    }, timeout);
    child.on("error", (error) => settle(() => reject(notExecutable(path, error))));
    child.on("close", (status, signal) =>
      settle(() => {
        try {
          resolve(
            execution(path, status, signal, Buffer.concat(output.stdout), Buffer.concat(output.stderr)),
          );
        } catch (error) {
          reject(error);
        }
      }),
    );
    child.stdout.on("data", collect("stdout"));
    child.stderr.on("data", collect("stderr"));
    child.stdin.on("error", () => undefined); // as EPIPE above
    child.stdin.end(stdin);
  });
}

function execution(
  path: string,
  status: number | null,
  signal: NodeJS.Signals | null,
  stdout: Buffer,
  stderr: Buffer,
): Execution {
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

function printedTooMuch(path: string): Fault {
  return new Fault(Code.decodeFailure, `${path} printed more than ${MAX_OUTPUT >> 20} MiB and was ended`);
}

function notExecutable(path: string, { message }: Error): Fault {
  return new Fault(Code.ioFailure, `${path} cannot be executed: ${message}`);
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended in the meantime.
  }
}
