// What a command of the binary is. Its table is data: the parser, the help, the completion of shells, the man page and
// docs/cli.md are all made of it.
import { existsSync } from "node:fs";

/** The exit codes. */
export const Exit = { done: 0, failed: 1, usage: 2 } as const;

export interface Option {
  /** One letter. */
  short?: string;
  /** What stands for its value in the help; a switch has none. */
  value?: string;
  /** Its value if it is not given. */
  fallback?: string;
  /** The only values that it takes. */
  choices?: readonly string[];
  /** May be given more than once. */
  isRepeatable?: true;
  /** What its value has to be. */
  is?: (value: string) => boolean;
  must?: string;
  /** For Plexus's own programs: neither help nor completion show it. */
  isHidden?: true;
  help: string;
}

export type Options = Record<string, Option>;

const absolute = {
  is: (value: string) => value.startsWith("/"),
  must: "an absolute path is needed",
} as const;
/** Parts of options whose value is used by other processes too, which have directories of their own. */
export const ABSOLUTE_PATH = { ...absolute, value: "PATH" } as const;
export const ABSOLUTE_DIR = { ...absolute, value: "DIR" } as const;
/** Part of options whose value is a number, in decimal digits and nothing else. */
export function wholeNumber(least: number, most: number) {
  return {
    value: "N",
    is: (value: string) => /^(0|[1-9]\d*)$/.test(value) && Number(value) >= least && Number(value) <= most,
    must: `a whole number from ${least} to ${most} is needed`,
  };
}
/** What the paths of a node begin with: where nothing is, nothing is made. */
export const ROOT = {
  value: "DIR",
  fallback: "/",
  is: (value: string) => /^\/\S*$/.test(value) && existsSync(value),
  must: "an absolute path without spaces, of a directory that is there, is needed",
} as const;
/** Source: RFC 1123, section 2.1, as Kubernetes has it for namespaces. */
export const NAMESPACE = {
  value: "NAME",
  is: (value: string) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(value),
  must: "the name of a namespace is needed: lower case letters, digits and `-`",
} as const;

export interface Argument {
  /** In capitals. */
  name: string;
  choices?: readonly string[];
  isFile?: true;
  isOptional?: true;
  /** Takes all that follow. */
  isVariadic?: true;
  help: string;
}

/** What was given for each option: switches are true or false. */
export type Values<O extends Options> = {
  [Name in keyof O]: O[Name] extends { isRepeatable: true }
    ? string[]
    : O[Name] extends { fallback: string }
      ? string
      : O[Name] extends { value: string }
        ? string | undefined
        : boolean;
};

export interface Given<O extends Options = Options> {
  values: Values<O>;
  args: string[];
  /** Of this build. */
  version: string;
  program: Program;
}

export interface Command<O extends Options = Options> {
  /** One word. */
  name: string;
  /** One line, for the list of commands: it begins with a verb. */
  summary: string;
  /** Sentences; an empty line is between two paragraphs. */
  description?: string;
  arguments?: readonly Argument[];
  options: O;
  /** What the exit code 1 means, if not that it has failed. */
  failure?: string;
  /** Whole lines, without a prompt. */
  examples?: readonly string[];
  /** Instead of `run`: a group of commands. */
  commands?: readonly AnyCommand[];
  /** Returns the exit code if it is not 0. What it throws is printed, and is exit code 1; 2 for `usage`. */
  run?: (given: Given<O>) => Promise<number | undefined> | number | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: each command has options of its own.
export type AnyCommand = Command<any>;

/** What the binary is under one of its names. */
export interface Program {
  /** As an operator calls it. */
  name: string;
  executable: string;
  /** Of the manual. */
  section: 1 | 8;
  summary: string;
  description: string;
  /** The command that is meant if none is named. Without it, that is the help. */
  otherwise?: string;
  commands: readonly AnyCommand[];
}

/** Checks a command's table, and lets the types of its values follow from that. */
export function command<const O extends Options>(one: Command<O>): Command<O> {
  return one;
}

/** Makes the error of somebody who has called a command wrongly. Bundles have copies of classes: a member says what it is. */
export function usage(message: string): Error {
  return Object.assign(new Error(message), { exitCode: Exit.usage });
}

/** The commands of a program, groups first, each with all of its words. */
export function everyCommand(
  { commands }: Pick<Program, "commands">,
  before: readonly string[] = [],
): { words: string[]; command: AnyCommand }[] {
  return commands.flatMap((one) => {
    const words = [...before, one.name];
    return [{ words, command: one }, ...everyCommand({ commands: one.commands ?? [] }, words)];
  });
}

/** The options that are shown. */
export function shownOptions({ options }: AnyCommand): [name: string, option: Option][] {
  return (Object.entries(options) as [string, Option][]).filter(([, { isHidden }]) => !isHidden);
}

/** What a shell can complete a value with, by what stands for it. */
export type Kind = "directory" | "file" | "words" | "anything";

export function kindOf({ choices, value = "" }: Option): Kind {
  if (choices) return "words";
  return value === "DIR" ? "directory" : value === "PATH" || value === "FILE" ? "file" : "anything";
}

/** Returns an option's help up to where its first clause ends: what fits into a line of a shell. */
export function briefOf({ help }: Option): string {
  return help.split(/[.;:] | \(/)[0]?.replace(/[.,;:]$/, "") ?? help;
}

/** Returns how a command is called, as `FILE... [--json]`, without its own name. */
export function synopsisOf(one: AnyCommand): string {
  const args = (one.arguments ?? []).map(({ name, isOptional, isVariadic }) => {
    const text = `${name}${isVariadic ? "..." : ""}`;
    return isOptional ? `[${text}]` : text;
  });
  if (one.commands) return "COMMAND";
  return [...(shownOptions(one).length > 0 ? ["[OPTION...]"] : []), ...args].join(" ");
}

/** Returns an option as it is given: `-o, --output FORMAT`. */
export function flagsOf(name: string, { short, value }: Option): string {
  return `${short ? `-${short}, ` : ""}--${name}${value === undefined ? "" : ` ${value}`}`;
}

/** Returns what an option is for, with what it can be, and what it is if it is not given. */
export function helpOf({ help, choices, fallback }: Option): string {
  return `${help}${choices ? `: ${choices.join(", ")}` : ""}${fallback ? ` (${fallback})` : ""}`;
}
