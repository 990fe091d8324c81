// The packaged binary, as a runtime executes it.
import { spawn, spawnSync } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

export const binary =
  process.env.PLEXUS_BINARY ?? fileURLToPath(new URL("../../build/plexus", import.meta.url));

export interface Answer {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Executes Plexus with exactly `env`. */
export function execute(env: Record<string, string>, stdin: string | Uint8Array, path = binary): Answer {
  const { status, signal, stdout, stderr, error } = spawnSync(path, {
    env,
    input: stdin,
    maxBuffer: 64 << 20,
  });
  // A binary that answers before it has read all of its stdin is none the worse.
  if (error && (error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
  if (status === null) throw new Error(`${path} was ended by ${signal}: ${stderr}`);
  return { exitCode: status, stdout: stdout.toString(), stderr: stderr.toString() };
}

/** The same, while this process goes on: for tests that answer it. */
export async function executeBeside(env: Record<string, string>, stdin: string): Promise<Answer> {
  const child = spawn(binary, { env });
  child.stdin.on("error", () => undefined); // it may answer before it has read all of its stdin
  child.stdin.end(stdin);
  const ended = new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) =>
      code === null ? reject(new Error(`${binary} was ended by ${signal}`)) : resolve(code),
    );
  });
  const [exitCode, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { exitCode, stdout, stderr };
}
