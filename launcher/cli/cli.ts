// The commands that an operator calls.
import { Exit, type Program } from "./command.ts";
import { KUBECTL, PLEXUS } from "./commands.ts";
import { completionFor } from "./completion/kubectl.ts";
import { runProgram } from "./parser.ts";

/**
 * Runs a command. Returns the exit code.
 *
 * @param name the binary's own, as it was executed
 */
export async function runCommand(name: string, args: string[], version: string): Promise<number> {
  const program = /(^|\/)kubectl-plexus$/.test(name) ? KUBECTL : PLEXUS;
  let why = "";
  process.stdout.on("error", ({ code = "" }: NodeJS.ErrnoException) => {
    if (code !== "EPIPE") why = code; // that one is nobody listening any more, as behind `| head`
  });
  const isAsked = /(^|\/)kubectl_complete-plexus$/.test(name); // by kubectl, for a shell
  if (isAsked) process.stdout.write(completionFor(KUBECTL, args));
  const exitCode = isAsked ? Exit.done : await runProgram(program, wordsOf(program, args), version);
  // A pipe may take a long text bit by bit, and the process ends with the answer.
  await new Promise((resolve) => process.stdout.write("", resolve));
  if (why === "") return exitCode;
  process.stderr.write(
    `${program.executable}: stdout takes no more: ${why}; what was written there is not whole\n`,
  );
  return Exit.failed;
}

function wordsOf({ otherwise }: Program, args: string[]): string[] {
  const [first = "-", ...rest] = args;
  if (first === "--version") return ["version", ...rest];
  const isNamed = !first.startsWith("-") || first === "-h" || first === "--help";
  return isNamed || otherwise === undefined ? args : [otherwise, ...args];
}
