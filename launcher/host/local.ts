// The host is the machine this process runs on.
import { isUtf8 } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import { dirname } from "node:path";
import { Code, Fault } from "../fault.ts";
import type { ExecuteOptions, Execution, Host } from "./host.ts";

/** What a plugin may print. The largest results in use have a few kilobytes. */
const MAX_OUTPUT = 4 << 20;
/** How long a plugin's pipes may stay open after it has ended, held by a process it left behind. */
const LINGER_MS = 500;

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
    const temporary = `${path}.${process.pid}.tmp`;
    let file: number;
    try {
      file = fs.openSync(temporary, "w", 0o600);
    } catch (error) {
      if (!isMissing(error)) throw error;
      fs.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
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
  return code === "ENOENT" || code === "ENOTDIR";
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

function execute(path: string, { env, stdin, timeout }: ExecuteOptions): Promise<Execution> {
  return new Promise((resolve, reject) => {
    // Its own process group, where a time limit may have to end it with all it started.
    const child = spawn(path, { env, stdio: "pipe", detached: timeout > 0 });
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    let size = 0;
    let timer: NodeJS.Timeout | undefined;
    let settled = false;

    const settle = (action: () => void) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      child.stdout.destroy();
      child.stderr.destroy();
      action();
    };
    const abandon = (code: number, why: string) =>
      settle(() => {
        kill(child, timeout > 0);
        reject(new Fault(code, `${path} ${why}`));
      });
    const collect = (stream: "stdout" | "stderr") => (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_OUTPUT) abandon(Code.decodeFailure, `printed more than ${MAX_OUTPUT >> 20} MiB`);
      else output[stream].push(chunk);
    };
    const finish = () =>
      settle(() => {
        const stdout = Buffer.concat(output.stdout);
        const stderr = Buffer.concat(output.stderr).toString();
        if (child.signalCode) {
          reject(
            new Fault(
              Code.internal,
              `${path} was ended by ${child.signalCode}; on stderr: ${stderr.slice(0, 500)}`,
            ),
          );
        } else if (!isUtf8(stdout)) {
          reject(new Fault(Code.decodeFailure, `${path} printed bytes that are not UTF-8`));
        } else {
          resolve({ exitCode: child.exitCode ?? 0, stdout: stdout.toString(), stderr });
        }
      });

    child.on("error", (error) =>
      settle(() => reject(new Fault(Code.ioFailure, `${path} cannot be executed: ${error.message}`))),
    );
    child.on("close", finish);
    child.on("exit", () => {
      clearTimeout(timer);
      timer = setTimeout(finish, LINGER_MS);
    });
    child.stdout.on("data", collect("stdout"));
    child.stderr.on("data", collect("stderr"));
    // A plugin that ends before it has read its stdin says why by its exit, not here.
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
    if (timeout > 0) {
      timer = setTimeout(
        () =>
          abandon(
            Code.tryAgainLater,
            `took longer than ${timeout / 1000} s (\`delegateTimeoutSeconds\`) and was ended`,
          ),
        timeout,
      );
    }
  });
}

function kill(child: ChildProcess, group: boolean): void {
  if (child.pid === undefined) return;
  try {
    process.kill(group ? -child.pid : child.pid, "SIGKILL");
  } catch {
    // It has ended in the meantime.
  }
}
