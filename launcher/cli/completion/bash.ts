// The completion for bash, without the functions of the package bash-completion: a node has none.
import {
  type AnyCommand,
  type Argument,
  everyCommand,
  kindOf,
  type Option,
  type Program,
  shownOptions,
} from "../command.ts";

export function bash(program: Program): string {
  const all = everyCommand(program);
  const name = `_${program.executable.replaceAll("-", "_")}`;
  return `# bash completion for ${program.executable}
${name}() {
    local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} called="" i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$called \${COMP_WORDS[i]}" in
${all.map(({ words }) => `            ${quoted(` ${words.join(" ")}`)}) called=${quoted(` ${words.join(" ")}`)} ;;\n`).join("")}\
        esac
    done
    # \`--option=value\` is three words.
    if [[ $current == "=" ]]; then
        current=""
    elif [[ $before == "=" ]]; then
        before=\${COMP_WORDS[COMP_CWORD - 2]}
    fi
    COMPREPLY=()
    case "$called $before" in
${all.flatMap(({ words, command }) => valuesOf(words, command)).join("")}\
    esac
    case "$called" in
${all.map(({ words, command }) => `        ${quoted(` ${words.join(" ")}`)}) ${wordsOf(command)} ;;\n`).join("")}\
        *) ${reply("words", ["--help", ...program.commands.map((one) => one.name)])} ;;
    esac
}
complete -F ${name} ${program.executable}
`;
}

/** The lines of options that take a value: it is all that is completed. */
function valuesOf(words: string[], one: AnyCommand): string[] {
  const options = shownOptions(one).filter(([, { value }]) => value !== undefined);
  return options.map(([name, option]) => {
    const names = [`--${name}`, ...(option.short ? [`-${option.short}`] : [])];
    const patterns = names.map((each) => quoted(` ${[...words, each].join(" ")}`)).join(" | ");
    return `        ${patterns}) ${reply(kindOf(option), option.choices)}; return ;;\n`;
  });
}

function wordsOf(one: AnyCommand): string {
  const options = shownOptions(one).flatMap(([name, { short }]: [string, Option]) =>
    short ? [`--${name}`, `-${short}`] : [`--${name}`],
  );
  const below = (one.commands ?? []).map(({ name }) => name);
  const [argument]: readonly Argument[] = one.arguments ?? [];
  const words = [...options, "--help", ...below, ...(argument?.choices ?? [])];
  const given = reply("words", words);
  return argument?.isFile ? `${given}; [[ $current == -* ]] || { ${reply("file")}; }` : given;
}

function reply(kind: ReturnType<typeof kindOf>, words: readonly string[] = []): string {
  switch (kind) {
    case "words":
      return `mapfile -t COMPREPLY < <(compgen -W ${quoted(words.join(" "))} -- "$current")`;
    case "directory":
      return 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current")';
    case "file":
      return 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current")';
    case "anything":
      return ":";
  }
}

function quoted(text: string): string {
  return `'${text}'`;
}
