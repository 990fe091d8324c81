// The command line, by a command's table. commander parses it, lays the help out, and says what may have been meant.
import { CommanderError, Command as Parser, Option as ParserOption } from "commander";
import { visible } from "../log/visible.ts";
import { withRemedy } from "../remedies.ts";
import {
  type AnyCommand,
  Exit,
  flagsOf,
  type Given,
  helpOf,
  type Option,
  type Options,
  type Program,
  shownOptions,
  synopsisOf,
  usage,
  type Values,
} from "./command.ts";
import { inWords } from "./refusal.ts";

/** Of the help, in columns. */
const WIDEST = 120;
const NARROWEST = 60;

/** Runs the command that was asked for. Returns the exit code. */
export async function runProgram(program: Program, args: string[], version: string): Promise<number> {
  let exitCode: number = Exit.done;
  const parser = parserOf(program, async (one, given) => {
    exitCode = (await one.run?.({ ...given, version, program })) ?? Exit.done;
  });
  try {
    await parser.parseAsync(args.length === 0 ? ["--help"] : args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return Exit.done; // the help, on stdout
    const called = calledBy(program, args);
    if (error instanceof CommanderError) {
      process.stderr.write(`${called}: ${visible(inOneLine(error, called))}\n`);
      return Exit.usage;
    }
    const { message, exitCode: code } = inWords(error) as Error & { exitCode?: number };
    process.stderr.write(`${called}: ${visible(withRemedy(message))}\n`);
    return code === Exit.usage ? Exit.usage : Exit.failed;
  }
}

/** Parses what one command was given. Throws if it was called wrongly. */
export function parse<O extends Options>(name: string, options: O, args: string[]): Values<O> {
  const one: AnyCommand = { name, summary: "", options };
  const parser = withTable(quiet(new Parser(name)), one);
  try {
    parser.parse(args, { from: "user" });
  } catch (error) {
    throw error instanceof CommanderError ? usage(inOneLine(error, `plexus ${name}`)) : error;
  }
  return valuesOf(options, parser) as Values<O>;
}

/** Prints the help of a program, or of the command that these words name. Throws if there is none. */
export function printHelp(program: Program, words: readonly string[]): void {
  let parser = parserOf(program, async () => undefined);
  for (const [at, word] of words.entries()) {
    const next = parser.commands.find((one) => one.name() === word);
    const name = words.slice(0, at + 1).join(" ");
    if (next === undefined) throw usage(`there is no command ${name}; \`${program.name} help\` lists them`);
    parser = next;
  }
  parser.outputHelp();
}

type Run = (one: AnyCommand, given: Pick<Given, "values" | "args">) => Promise<void>;

function parserOf(program: Program, run: Run): Parser {
  const parser = quiet(new Parser(program.name)).description(paragraphs(program));
  parser.usage("COMMAND [ARGUMENT...]").helpCommand(false);
  for (const one of program.commands) add(parser, one, run);
  return parser.addHelpText("after", `\n\`${program.name} help COMMAND\` says more of one.`);
}

function add(parent: Parser, one: AnyCommand, run: Run): void {
  const parser = withTable(quiet(parent.command(one.name)), one);
  parser.helpCommand(false).addHelpText("after", endOf(one));
  if (one.commands) {
    for (const below of one.commands) add(parser, below, run);
  } else {
    parser.action(() => {
      const { args } = parser;
      for (const [at, { name, choices, isFile, isVariadic }] of (one.arguments ?? []).entries()) {
        const is = { ...(choices ? { choices } : {}), ...(isFile ? { value: "FILE" } : {}) };
        for (const each of args.slice(at, isVariadic ? undefined : at + 1)) check(name, is, each);
      }
      return run(one, { values: valuesOf(one.options, parser), args });
    });
  }
}

function quiet(parser: Parser): Parser {
  const width = () => Math.max(NARROWEST, Math.min(WIDEST, process.stdout.columns ?? WIDEST));
  return parser
    .exitOverride()
    .configureOutput({ outputError: () => undefined, getOutHelpWidth: width, getErrHelpWidth: width })
    .configureHelp({
      subcommandTerm: (one) => one.name(),
      optionTerm: ({ flags }) => flags.replaceAll(/[<>]/g, ""),
    })
    .helpOption("-h, --help", "print this help");
}

function withTable(parser: Parser, one: AnyCommand): Parser {
  parser.summary(one.summary).description(paragraphs(one)).usage(synopsisOf(one));
  for (const { name, isOptional, isVariadic, help } of one.arguments ?? []) {
    const text = `${name}${isVariadic ? "..." : ""}`;
    parser.argument(isOptional ? `[${text}]` : `<${text}>`, help);
  }
  const shown = new Set(shownOptions(one).map(([name]) => name));
  for (const [name, option] of Object.entries(one.options as Options)) {
    // `<...>` is commander's way to say that a value is needed; the help has the flags as they are given.
    const flags = flagsOf(name, option).replace(/(--\S+) (.*)$/, "$1 <$2>");
    const added = new ParserOption(flags, helpOf(option)).hideHelp(!shown.has(name));
    if (option.isRepeatable)
      added.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
    parser.addOption(added);
  }
  return parser;
}

function paragraphs({ summary, description }: Pick<AnyCommand, "summary" | "description">): string {
  const first = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
  return description === undefined ? first : `${first}\n\n${description}`;
}

function endOf({ examples = [], failure }: AnyCommand): string {
  const shown = examples.length > 0 ? `\nExamples:\n${examples.map((line) => `  ${line}\n`).join("")}` : "";
  return `${shown}\nExit codes: ${exitCodes(failure)}.`;
}

/** Returns what a command's exit codes mean. */
export function exitCodes(failure: string | undefined): string {
  return `0, it is done; 1, ${failure ?? "it has failed"}; 2, it was called wrongly`;
}

function valuesOf(options: Options, parser: Parser): Values<Options> {
  const given = new Map(parser.options.map((one) => [one.long, parser.getOptionValue(one.attributeName())]));
  const values = Object.entries(options).map(([name, option]) => {
    const { value, fallback, isRepeatable } = option;
    const absent = value === undefined ? false : isRepeatable ? [] : fallback;
    const is = given.get(`--${name}`);
    if (is === undefined) return [name, absent];
    for (const each of [is].flat()) check(`--${name}`, option, each);
    return [name, is];
  });
  return Object.fromEntries(values);
}

/** What stands for a file or a directory: the value of a variable that is not set is neither. */
const PATHS = ["PATH", "DIR", "FILE"];

function check(name: string, option: Partial<Option>, value: unknown): void {
  const { fallback, choices, is, must } = option;
  if (value === "" && PATHS.includes(option.value ?? ""))
    throw usage(`${name}: it is empty; give a path, or leave it out`);
  if (typeof value !== "string" || value === fallback) return;
  if (choices && !choices.includes(value))
    throw usage(`${name} ${value}: it is one of ${choices.join(", ")}`);
  if (is && !is(value)) throw usage(`${name} ${value}: ${must}`);
}

/** Returns the command that was called, as `plexus sriov list`. */
function calledBy(program: Program, args: string[]): string {
  const words = [program.name];
  let { commands } = program;
  for (const word of args) {
    const next = commands.find(({ name }) => name === word);
    if (next === undefined) break;
    words.push(word);
    commands = next.commands ?? [];
  }
  return words.join(" ");
}

/** Where commander's own words are for its programmers. */
const WHYS: Record<string, string> = {
  "commander.help": "it needs a command",
  "commander.excessArguments": "there are too many arguments",
};

/** Returns commander's words in ours: what failed, and what to do. */
function inOneLine({ code, message }: CommanderError, called: string): string {
  const [first = "", meant] = message.replace(/^error: /, "").split("\n");
  const did = /\(Did you mean (.*)\?\)/.exec(meant ?? "")?.[1]?.replace(/^one of /, "");
  const why = WHYS[code] ?? first.replace(/\.$/, "");
  return `${why}; ${did ? `did you mean ${did}?` : `\`${called} --help\` says what there is`}`;
}
