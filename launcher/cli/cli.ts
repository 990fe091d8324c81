// The commands that an operator calls.
import type { Program } from "./command.ts";
import { KUBECTL, PLEXUS } from "./commands.ts";
import { runProgram } from "./parser.ts";

/**
 * Runs a command. Returns the exit code.
 *
 * @param name the binary's own, as it was executed
 */
export function runCommand(name: string, args: string[], version: string): Promise<number> {
  const program = /(^|\/)kubectl-plexus$/.test(name) ? KUBECTL : PLEXUS;
  return runProgram(program, wordsOf(program, args), version);
}

function wordsOf({ otherwise }: Program, args: string[]): string[] {
  const [first = "-", ...rest] = args;
  if (first === "--version") return ["version", ...rest];
  const isNamed = !first.startsWith("-") || first === "-h" || first === "--help";
  return isNamed || otherwise === undefined ? args : [otherwise, ...args];
}
