// The completion for zsh: a function for each command.
import { type AnyCommand, briefOf, kindOf, type Option, type Program, shownOptions } from "../command.ts";

export function zsh({ executable, commands }: Program): string {
  const all: AnyCommand = { name: executable, summary: "", options: {}, commands };
  return `#compdef ${executable}
${functions(`_${executable}`, all)}
if [[ $funcstack[1] == _${executable} ]]; then
    _${executable} "$@"
else
    compdef _${executable} ${executable}
fi
`;
}

function functions(name: string, one: AnyCommand): string {
  const below = (one.commands ?? []).map((each) => functions(`${name}_${each.name}`, each));
  return [...below, one.commands ? group(name, one.commands) : single(name, one)].join("");
}

function group(name: string, commands: readonly AnyCommand[]): string {
  const described = commands.map((one) => `        ${quoted(`${one.name}:${one.summary}`)}\n`);
  return `${name}() {
    local context state state_descr line
    local -A opt_args
    local -a commands=(
${described.join("")}    )
    _arguments -C '(- *)'{-h,--help}'[print the help]' '1: :->command' '*:: :->arguments'
    case $state in
        command) _describe command commands ;;
        arguments) (( $+functions[${name}_$words[1]] )) && ${name}_$words[1] ;;
    esac
}
`;
}

function single(name: string, one: AnyCommand): string {
  const options = shownOptions(one).map(([key, option]) => specOf(key, option));
  const args = (one.arguments ?? []).map(({ name: what, choices, isFile, isVariadic }) => {
    const action = choices ? `(${choices.join(" ")})` : isFile ? "_files" : " ";
    return quoted(`${isVariadic ? "*" : ""}:${what}:${action}`);
  });
  const specs = ["'(- *)'{-h,--help}'[print the help]'", ...options, ...args];
  return `${name}() {\n    _arguments -S ${specs.join(" \\\n        ")}\n}\n`;
}

function specOf(name: string, option: Option): string {
  const { short, value, isRepeatable } = option;
  const brief = `[${escaped(briefOf(option))}]`;
  const taken = value === undefined ? "" : `:${escaped(value)}:${actionOf(option)}`;
  const star = isRepeatable ? "*" : "";
  const long = quoted(`${star}--${name}${value === undefined ? "" : "="}${brief}${taken}`);
  return short
    ? `${long} ${quoted(`${star}-${short}${value === undefined ? "" : "+"}${brief}${taken}`)}`
    : long;
}

function actionOf(option: Option): string {
  switch (kindOf(option)) {
    case "words":
      return `(${(option.choices ?? []).join(" ")})`;
    case "directory":
      return "_files -/";
    case "file":
      return "_files";
    case "anything":
      return " ";
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[\\[\]:]/g, "\\$&");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
