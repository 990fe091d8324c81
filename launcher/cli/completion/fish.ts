// The completion for fish.
import {
  type AnyCommand,
  briefOf,
  everyCommand,
  kindOf,
  type Option,
  type Program,
  shownOptions,
} from "../command.ts";

export function fish(program: Program): string {
  const { executable, commands } = program;
  const called = `__${executable.replaceAll("-", "_")}_called`;
  const all = everyCommand(program);
  const add = (words: string[], rest: string) =>
    `complete -c ${executable} -n ${quoted(`test "$(${called})" = "${words.join(" ")}"`)} ${rest}\n`;
  return `# fish completion for ${executable}
function ${called}
    set -l called ""
    for word in (commandline -opc)[2..]
        switch "$called $word"
${all.map(({ words }) => `            case ${quoted(` ${words.join(" ")}`)} ${quoted(`${words.slice(0, -1).join(" ")} ${words.at(-1)}`)}\n                set called ${quoted(words.join(" "))}\n`).join("")}\
        end
    end
    echo $called
end
complete -c ${executable} -f
complete -c ${executable} -l help -s h -d 'print the help'
${subcommands([], commands, add)}\
${all.map(({ words, command }) => lines(words, command, add)).join("")}`;
}

type Add = (words: string[], rest: string) => string;

function subcommands(words: string[], commands: readonly AnyCommand[], add: Add): string {
  return commands.map(({ name, summary }) => add(words, `-a ${name} -d ${quoted(summary)}`)).join("");
}

function lines(words: string[], one: AnyCommand, add: Add): string {
  const options = shownOptions(one).map(([name, option]) => {
    const short = option.short ? ` -s ${option.short}` : "";
    return add(words, `-l ${name}${short}${taken(option)} -d ${quoted(briefOf(option))}`);
  });
  const [argument] = one.arguments ?? [];
  const choices = argument?.choices ? [add(words, `-a ${quoted(argument.choices.join(" "))}`)] : [];
  const files = argument?.isFile ? [add(words, "-F")] : [];
  return [...options, ...choices, ...files, subcommands(words, one.commands ?? [], add)].join("");
}

function taken(option: Option): string {
  if (option.value === undefined) return "";
  switch (kindOf(option)) {
    case "words":
      return ` -x -a ${quoted((option.choices ?? []).join(" "))}`;
    case "directory":
      return " -x -a '(__fish_complete_directories)'";
    case "file":
      return " -r -F";
    case "anything":
      return " -x";
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
