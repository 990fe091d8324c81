// The completion of `kubectl plexus`: what kubectl executes as `kubectl_complete-plexus`, with the words behind `plexus`, of
// which the last one is to be completed. Source: kubectl pkg/cmd/plugin_completion.go; spf13/cobra completions.go.
import {
  type AnyCommand,
  briefOf,
  everyCommand,
  kindOf,
  type Option,
  type Program,
  shownOptions,
} from "../command.ts";

/** What a shell does beside the words that are printed: cobra's ShellCompDirective. */
const Directive = { files: 0, nothing: 4, directories: 16 } as const;

interface Reply {
  /** Each with what it is for. */
  words: [word: string, help: string][];
  directive: number;
}

/** Returns what kubectl reads: words that begin as the last one of `args`, each with its help, and what else the shell does. */
export function completionFor(program: Program, args: readonly string[]): string {
  const current = args.at(-1) ?? "";
  const { words, directive } = replyTo(program, args.slice(0, -1), current);
  const lines = words
    .filter(([word]) => word.startsWith(current))
    .map(([word, help]) => `${word}\t${help}\n`);
  return `${lines.join("")}:${directive}\n`;
}

function replyTo(program: Program, before: readonly string[], current: string): Reply {
  const called = calledIn(program, before);
  // Without a command it is `otherwise` that is meant.
  const one = called ?? program.commands.find(({ name }) => name === program.otherwise);
  const options = one ? shownOptions(one) : [];
  const [flag = "", assigned] = current.split(/=(.*)/s);
  const own = optionOf(options, assigned === undefined ? before.at(-1) : flag);
  if (own?.value !== undefined) return valuesOf(own, assigned === undefined ? "" : `${flag}=`);
  if (current.startsWith("-")) return { words: flagsOf(options), directive: Directive.nothing };
  if (called === undefined)
    return {
      words: program.commands.map(({ name, summary }) => [name, summary]),
      directive: Directive.nothing,
    };
  const [argument] = called.arguments ?? [];
  const choices = argument?.choices ?? [];
  return {
    words: choices.map((word) => [word, argument?.help ?? ""]),
    directive: argument?.isFile ? Directive.files : Directive.nothing,
  };
}

/** Returns the command that the words name; undefined if they name none yet. */
function calledIn(program: Program, words: readonly string[]): AnyCommand | undefined {
  const all = everyCommand(program);
  let called: { words: string[]; command: AnyCommand } | undefined;
  for (const [index, word] of words.entries()) {
    if (isValue(program, called?.command, words[index - 1])) continue;
    const next = [...(called?.words ?? []), word].join(" ");
    called = all.find((one) => one.words.join(" ") === next) ?? called;
  }
  return called?.command;
}

/** Tells whether what stands behind a word is its value, and so not a command. */
function isValue(program: Program, called: AnyCommand | undefined, before = ""): boolean {
  if (!before.startsWith("-")) return false;
  const options = (called ? [called] : everyCommand(program).map(({ command }) => command)).flatMap((one) =>
    shownOptions(one),
  );
  return optionOf(options, before)?.value !== undefined;
}

function optionOf(options: [string, Option][], flag = ""): Option | undefined {
  return options.find(
    ([name, { short }]) => flag === `--${name}` || (short !== undefined && flag === `-${short}`),
  )?.[1];
}

function valuesOf(option: Option, before: string): Reply {
  const kind = kindOf(option);
  if (kind === "file") return { words: [], directive: Directive.files };
  if (kind === "directory") return { words: [], directive: Directive.directories };
  const words = (option.choices ?? []).map((word): [string, string] => [`${before}${word}`, briefOf(option)]);
  return { words, directive: Directive.nothing };
}

function flagsOf(options: [string, Option][]): [string, string][] {
  const own = options.flatMap(([name, option]): [string, string][] => [
    [`--${name}`, briefOf(option)],
    ...(option.short ? ([[`-${option.short}`, briefOf(option)]] as [string, string][]) : []),
  ]);
  return [...own, ["--help", "print this help"]];
}
