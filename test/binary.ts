// The packaged binary, as a runtime executes it.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const binary = process.env.PLEXUS_BINARY ?? fileURLToPath(new URL("../build/plexus", import.meta.url));

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
