// `plexus completion`. The scripts are whole: a shell that completes a word executes nothing.
import { command, type Program } from "../command.ts";
import { bash } from "./bash.ts";
import { fish } from "./fish.ts";
import { zsh } from "./zsh.ts";

const SHELLS: Record<string, (program: Program) => string> = { bash, zsh, fish };

export const completion = command({
  name: "completion",
  summary: "prints what makes a shell complete commands and options",
  description:
    "The completion is a script, to be kept where the shell looks for it; a shell that completes a word does not execute Plexus.",
  arguments: [{ name: "SHELL", choices: Object.keys(SHELLS), help: "bash, zsh or fish" }],
  options: {},
  examples: [
    "plexus completion bash > /etc/bash_completion.d/plexus",
    "plexus completion zsh > /usr/local/share/zsh/site-functions/_plexus",
    "plexus completion fish > /etc/fish/completions/plexus.fish",
  ],
  run: ({ args: [shell = ""], program }) => {
    process.stdout.write(SHELLS[shell]?.(program) ?? "");
    return undefined;
  },
});
