// Executes Debian's commands.
import { spawnSync } from "node:child_process";

/** What a command printed. */
export interface Printed {
  stdout: string;
  stderr: string;
  /** Of stdout. */
  lines: string[];
  /** Throws if the command failed, with all that it printed. */
  must(): Printed;
  failed: boolean;
}

/**
 * Executes a command in the C locale, and waits for its end.
 *
 * @param env beside this process's
 * @throws Error if it cannot be executed
 */
export function run(
  command: string,
  args: string[],
  env: Record<string, string> = {},
  cwd?: string,
): Printed {
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C", ...env },
    maxBuffer: 64 << 20,
    ...(cwd === undefined ? {} : { cwd }),
  });
  if (error) throw new Error(`${command} cannot be executed: ${error.message}; is this Debian?`);
  const printed: Printed = {
    stdout,
    stderr,
    lines: stdout.split("\n"),
    must() {
      if (status === 0) return printed;
      throw new Error(`${command} ${args.join(" ")}: exit ${status}\n${stdout}${stderr}`);
    },
    failed: status !== 0,
  };
  return printed;
}
