// `plexus help`.
import { command } from "./command.ts";
import { printHelp } from "./parser.ts";
import { manPage } from "./reference/man.ts";
import { markdown } from "./reference/markdown.ts";

export const help = command({
  name: "help",
  summary: "prints the help of a command, or the reference of all",
  arguments: [
    {
      name: "COMMAND",
      isOptional: true,
      isVariadic: true,
      help: "a command, as in `plexus help sriov list`",
    },
  ],
  options: {
    format: {
      value: "FORMAT",
      choices: ["text", "man", "markdown"],
      fallback: "text",
      help: "for a terminal; or all commands as a manual page in mdoc, or in Markdown",
    },
  },
  examples: ["plexus help install", "plexus help --format man | man -l -"],
  run: ({ values: { format }, args, program, version }) => {
    if (format === "man") process.stdout.write(manPage(program, version));
    else if (format === "markdown") process.stdout.write(markdown(program));
    else printHelp(program, args);
    return undefined;
  },
});
