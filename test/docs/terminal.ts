// A reader's terminal: a command as a page has it, as it is executed.
import { execFile } from "node:child_process";

/** How a command has ended. */
export interface Ended {
  exitCode: number;
  /** stdout and stderr, as a terminal shows them. */
  output: string;
}

export interface Terminal {
  /** Where the reader is. */
  dir: string;
  /** The directories of commands that come before those of the machine. */
  path: string[];
  /** Undefined without a cluster. */
  kubeconfig?: string;
  /** How many times longer than its reader's the machine takes: a command's `--timeout` is that much longer. */
  slowness: number;
}

/** More than any `--timeout` in a page. */
const COMMAND_LIMIT_SECONDS = 360;

/** What is executed for a command: a program and its arguments. */
export function typed({ dir, path, kubeconfig, slowness }: Terminal, command: string): string[] {
  const cluster = kubeconfig === undefined ? [] : [`KUBECONFIG=${kubeconfig}`];
  const env = [`PATH=${[...path, process.env.PATH].join(":")}`, ...cluster, `HOME=${dir}`];
  const patient = command.replace(
    /--timeout=(\d+)m/g,
    (_, minutes) => `--timeout=${Math.ceil(minutes * slowness)}m`,
  );
  const script = `cd ${dir} && exec 2>&1 < /dev/null\n${patient}`;
  const limit = `${Math.ceil(COMMAND_LIMIT_SECONDS * slowness)}`;
  return ["env", ...env, "timeout", limit, "bash", "-c", script];
}

/** Executes a program with its arguments. Throws if it cannot be executed. */
export function execute([file = "", ...args]: string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    execFile(file, args, { encoding: "utf8", maxBuffer: 16 << 20 }, (error, output) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === "number") resolve({ exitCode: code, output });
      else reject(error);
    });
  });
}
