// What the shim replies: how an execution ended, what a file operation gave.
import { isUtf8 } from "node:buffer";
import { Code, Fault } from "../fault.ts";
import { endedBy, notExecuted, saidNoText, saidTooMuch, tookTooLong } from "./endings.ts";
import type { Fields } from "./frames.ts";
import { type Execution, MAX_OUTPUT } from "./host.ts";

const [ENOENT, EEXIST, ENOTDIR, EISDIR, EFBIG] = [2, 17, 20, 21, 27];

/**
 * Reads how an execution ended.
 *
 * @param timeout its limit, in milliseconds; 0 if it was the shim's own
 */
export function executionOf(fields: Fields, path: string, timeout = 0): Execution {
  const [outcome, value] = [fields.u32(), fields.u32()];
  const [stdout, stderr] = [fields.data(), fields.text()];
  switch (outcome) {
    case 0:
      if (!isUtf8(stdout)) throw saidNoText(path);
      return { exitCode: value, stdout: stdout.toString(), stderr };
    case 1:
      throw endedBy(path, signalName(value), stderr);
    case 2:
      if (timeout > 0) throw tookTooLong(path, timeout);
      throw new Fault(
        Code.tryAgainLater,
        `${path} took longer than the shim waits for it, and was ended; see what it waits for`,
      );
    case 3:
      throw saidTooMuch(path, MAX_OUTPUT);
    default: {
      const why = errorName(value);
      throw notExecuted(path, why, /^E[A-Z0-9]+/.exec(why)?.[0] ?? "");
    }
  }
}

/** Reads the result of a file operation. */
export function resultOf(answer: Fields, path: string): Fields {
  const errno = answer.u32();
  if (errno === 0) return answer.inner();
  throw new FileFault(errno, path);
}

class FileFault extends Fault {
  readonly errno: number;

  constructor(errno: number, path: string) {
    // A file that is not there is an everyday answer, and a name for each error takes a tenth of a millisecond to look up.
    super(
      Code.ioFailure,
      `${errno === ENOENT ? "ENOENT: no such file or directory" : errorName(errno)}, ${path}`,
    );
    this.errno = errno;
  }
}

export function unlessMissing(error: unknown): undefined {
  if (error instanceof FileFault && [ENOENT, ENOTDIR, EISDIR].includes(error.errno)) return undefined;
  throw error;
}

export function isTooLarge(error: unknown): boolean {
  return error instanceof FileFault && error.errno === EFBIG;
}

export function unlessThere(error: unknown): undefined {
  if (error instanceof FileFault && error.errno === EEXIST) return undefined;
  throw error;
}

function errorName(errno: number): string {
  const known = process.getBuiltinModule("node:util").getSystemErrorMap().get(-errno);
  return known ? `${known[0]}: ${known[1]}` : `error ${errno}`;
}

function signalName(signal: number): string {
  const { signals } = process.getBuiltinModule("node:os").constants;
  return Object.entries(signals).find(([, number]) => number === signal)?.[0] ?? `signal ${signal}`;
}
