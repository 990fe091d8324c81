// The manual page, in mdoc(7): mandoc and groff both read it.
import {
  type AnyCommand,
  everyCommand,
  helpOf,
  type Option,
  type Program,
  shownOptions,
} from "../command.ts";

declare const DATE: string; // by the build

/** mandoc's lint warns of longer lines. */
const WIDTH = 78;

export function manPage(program: Program, version: string): string {
  const { name, executable, section, summary, description, commands } = program;
  const all = everyCommand(program).filter(({ command }) => command.commands === undefined);
  const examples = all.flatMap(({ command }) => command.examples ?? []);
  return lines(
    `.Dd ${typeof DATE === "string" ? DATE : "January 1, 1970"}`,
    `.Dt ${executable.toUpperCase()} ${section}`,
    `.Os Plexus ${version}`,
    ".Sh NAME",
    `.Nm ${executable}`,
    `.Nd ${summary}`,
    ".Sh SYNOPSIS",
    ...all.flatMap(({ words, command }) => synopsis(executable, words, command)),
    ".Sh DESCRIPTION",
    text(`${name} ${summary}. ${description}`),
    ".Pp",
    "The commands are:",
    ".Bl -tag -width Ds",
    ...commands.flatMap((one) => [`.It Cm ${one.name}`, text(one.summary)]),
    ".El",
    ...all.flatMap(({ words, command }) => about(words, command)),
    ".Sh EXIT STATUS",
    ".Bl -tag -width Ds",
    ...[".It 0", "It is done.", ".It 1", "It has failed."],
    ...all.flatMap(({ words, command }) => {
      if (command.failure === undefined) return [];
      return [text(`Of ${words.join(" ")}: ${command.failure}.`)];
    }),
    ...[".It 2", "It was called wrongly."],
    ".El",
    ...(examples.length === 0
      ? []
      : [".Sh EXAMPLES", ".Bd -literal", ...examples.map((line) => unlikeMacro(escaped(line))), ".Ed"]),
  );
}

function synopsis(executable: string, words: string[], one: AnyCommand): string[] {
  const options = shownOptions(one).length > 0 ? [".Op Ar OPTION ..."] : [];
  return [`.Nm ${executable}`, `.Cm ${words.join(" ")}`, ...options, ...(one.arguments ?? []).map(argument)];
}

function argument({ name, isOptional, isVariadic }: NonNullable<AnyCommand["arguments"]>[number]): string {
  return `${isOptional ? ".Op Ar" : ".Ar"} ${name}${isVariadic ? " ..." : ""}`;
}

function about(words: string[], one: AnyCommand): string[] {
  const rows = [
    ...(one.arguments ?? []).flatMap(({ name, help }) => [`.It Ar ${name}`, text(help)]),
    ...shownOptions(one).flatMap(([name, option]) => [`.It ${flags(name, option)}`, text(helpOf(option))]),
  ];
  const paragraphs = (one.description ?? "").split("\n\n").filter((each) => each !== "");
  return [
    `.Ss ${words.join(" ")}`,
    text(`It ${one.summary}.`),
    ...paragraphs.map((each, at) => (at === 0 ? text(each) : lines(".Pp", text(each)).trimEnd())),
    ...(rows.length > 0 ? [".Bl -tag -width Ds", ...rows, ".El"] : []),
  ];
}

function flags(name: string, { short, value }: Option): string {
  const taken = value === undefined ? "" : ` Ar ${value}`;
  return `${short ? `Fl ${short} , ` : ""}Fl -${name}${taken}`;
}

/** Text, each sentence of which begins a line. */
function text(given: string): string {
  const sentences = escaped(given).split(/(?<=[.?!:]) +(?=[A-Z\\])/);
  return sentences
    .flatMap((sentence) => wrapped(sentence))
    .map(unlikeMacro)
    .join("\n");
}

function wrapped(sentence: string): string[] {
  const all = [""];
  for (const word of sentence.split(" ")) {
    const last = all.at(-1) ?? "";
    if (last !== "" && last.length + 1 + word.length > WIDTH) all.push(word);
    else all[all.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return all;
}

function escaped(line: string): string {
  return line.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("`", "\\(ga");
}

/** Lines of macros begin with these. */
function unlikeMacro(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line;
}

function lines(...all: string[]): string {
  return `${all.join("\n")}\n`;
}
