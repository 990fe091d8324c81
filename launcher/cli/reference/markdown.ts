// The reference of all commands in Markdown: docs/cli.md.
import {
  type AnyCommand,
  everyCommand,
  flagsOf,
  helpOf,
  type Program,
  shownOptions,
  synopsisOf,
} from "../command.ts";
import { exitCodes } from "../parser.ts";

/** Returns docs/cli.md, or docs/kubectl.md. */
export function markdown(program: Program): string {
  const { name, executable, section, summary, description, commands } = program;
  const list = commands.map(
    (one) => `| [\`${one.name}\`](#${anchor(`${name} ${one.name}`)}) | ${one.summary} |\n`,
  );
  const sections = everyCommand(program).map(({ words, command }) => sectionOf([name, ...words], command));
  return `# ${name}

\`${name}\` ${summary}. ${description} \`${name} COMMAND --help\` and \`man ${executable}\` say the same as this page (the manual page is
\`build/${executable}.${section}\`; \`${name} help --format man\` prints it), which
\`npm run reference\` makes.

Help and results go to stdout, what is wrong to stderr. Exit codes: ${exitCodes(undefined)}.

| command | |
|---|---|
${list.join("")}\
${sections.join("")}`;
}

function sectionOf(words: string[], one: AnyCommand): string {
  const rows: [string, string][] = [
    ...(one.arguments ?? []).map(({ name, help }): [string, string] => [name, help]),
    ...shownOptions(one).map(([name, option]): [string, string] => [flagsOf(name, option), helpOf(option)]),
  ];
  const table = rows.map(([what, help]) => `| \`${what.replaceAll("|", "\\|")}\` | ${cell(help)} |\n`);
  const parts = [
    `\n## ${words.join(" ")}\n\n\`\`\`\n${[...words, synopsisOf(one)].join(" ").trim()}\n\`\`\`\n`,
    `\n${[`It ${one.summary}.`, ...(one.description ? [one.description] : [])].join(" ")}\n`,
    ...(table.length > 0 ? [`\n| | |\n|---|---|\n${table.join("")}`] : []),
    ...(one.failure ? [`\nExit codes: ${exitCodes(one.failure)}.\n`] : []),
    ...(one.examples ? [`\n\`\`\`\n${one.examples.map((line) => `${line}\n`).join("")}\`\`\`\n`] : []),
  ];
  return parts.join("");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}

/** Source: how GitHub makes anchors of headings. */
function anchor(heading: string): string {
  return heading.replaceAll(" ", "-");
}
