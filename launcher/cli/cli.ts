// The commands that an operator calls.
import { KUBECTL, PLEXUS } from "./commands.ts";
import { runProgram } from "./parser.ts";

/**
 * Runs a command. Returns the exit code.
 *
 * @param name the binary's own, as it was executed
 */
export function runCommand(name: string, args: string[], version: string): Promise<number> {
  const program = /(^|\/)kubectl-plexus$/.test(name) ? KUBECTL : PLEXUS;
  return runProgram(program, args[0] === "--version" ? ["version", ...args.slice(1)] : args, version);
}
