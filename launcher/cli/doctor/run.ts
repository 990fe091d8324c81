// Programs that doctor executes: none may keep it waiting.
import { spawn } from "node:child_process";

export interface Ran {
  /** Undefined if it was ended, or could not be executed. */
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
  /** Why it could not be executed, or was ended. */
  why: string;
}

const LIMIT_MS = 8_000;
/** For what a program has printed to be read once it has ended: what it has started may keep its output open for ever. */
const AFTER_EXIT_MS = 1_000;
const MOST_BYTES = 4 << 20;

/** Runs a program, and ends it if it takes too long. Never rejects. */
export function run(
  path: string,
  args: readonly string[],
  { env = {} as Record<string, string>, stdin = "" } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const printed = { stdout: "", stderr: "" };
    let why = "";
    const child = spawn(path, args, { env, stdio: "pipe", detached: true });
    const end = (reason: string) => {
      why ||= reason;
      try {
        if (child.pid) process.kill(-child.pid, "SIGKILL"); // with what it has started
      } catch {
        // it has ended
      }
    };
    const limit = setTimeout(() => {
      end(`it did not end within ${LIMIT_MS / 1000} s`);
      done(undefined);
    }, LIMIT_MS);
    const done = (exitCode: number | undefined) => {
      clearTimeout(limit);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ exitCode, ...printed, why });
    };
    for (const name of ["stdout", "stderr"] as const)
      child[name].setEncoding("utf8").on("data", (piece: string) => {
        if (printed[name].length < MOST_BYTES) printed[name] += piece;
        else end("it prints too much");
      });
    child.stdin.on("error", () => undefined); // it may end before it has read all
    child.stdin.end(stdin);
    child.on("error", (error) => {
      why = error.message;
      done(undefined);
    });
    child.on("exit", (code, signal) => {
      if (signal !== null) why ||= `it was ended by ${signal}`;
      const ended = code ?? undefined;
      // If this process has stood still, its timers have their turn before what there is to be read.
      const doneWhenRead = () => {
        const before = printed.stdout.length;
        setImmediate(() => (printed.stdout.length > before ? doneWhenRead() : done(ended)));
      };
      const waited = setTimeout(doneWhenRead, AFTER_EXIT_MS);
      child.on("close", () => {
        clearTimeout(waited);
        done(ended);
      });
    });
  });
}

/** Says why a program's answer is none. */
export function reasonOf({ exitCode, stdout, stderr, why }: Ran): string {
  return why || `exit code ${exitCode}, ${JSON.stringify((stdout || stderr).slice(0, 80))}`;
}
