// What processes that a test executes have to say.
import { type ChildProcess, spawn } from "node:child_process";

/** What a plugin prints: a CNI result, or a CNI error. */
export interface Answer {
  cniVersion: string;
  code?: number;
  msg?: string;
  details?: string;
  ips?: { address: string; gateway?: string; interface?: number }[];
  interfaces?: { name: string; mac?: string; sandbox?: string }[];
  routes?: { dst: string; gw?: string }[];
}

export interface Outcome {
  /** Null where a signal ended the process. */
  exitCode: number | null;
  stdout: string;
  stderr: string;
  /** `stdout` as JSON; empty where nothing was printed. */
  answer: Partial<Answer>;
}

/** Executes a command; its stdout. Throws if it fails. */
export async function must(command: string, args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await outcomeOf(spawn(command, args), "", false);
  if (exitCode === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")}: exit ${exitCode}: ${stdout}${stderr}`);
}

/**
 * Gives a process its stdin, and waits for its end.
 *
 * @param json whether its stdout is a JSON document
 */
export function outcomeOf(child: ChildProcess, stdin: string, json = true): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const output = { stdout: "", stderr: "" };
    child.stdout?.setEncoding("utf8").on("data", (chunk) => {
      output.stdout += chunk;
    });
    child.stderr?.setEncoding("utf8").on("data", (chunk) => {
      output.stderr += chunk;
    });
    child.stdin?.on("error", () => undefined); // it may end before it has read all
    child.stdin?.end(stdin);
    child.on("error", reject);
    child.on("close", (exitCode) => {
      try {
        const answer = json && output.stdout !== "" ? (JSON.parse(output.stdout) as Partial<Answer>) : {};
        resolve({ exitCode, ...output, answer });
      } catch {
        reject(new Error(`${child.spawnargs.join(" ")} printed what is not JSON: ${output.stdout}`));
      }
    });
  });
}
