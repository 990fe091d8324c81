// Every message of an error that a user can see, from the code.
import { type Node, Sources } from "./source.ts";
import { lettersOf, Reader, type Template, textOf, unique } from "./templates.ts";

export interface Message {
  file: string;
  /** Codes of CNI errors; none of a command's. */
  codes: number[];
  text: string;
}

/** Where an error of the core, and of the launcher, begins: its code and its words. */
function begins(node: Node, file: string): { code?: Node; words: Node } | undefined {
  const { type, callee, arguments: args } = node;
  const name = callee.name as string | undefined;
  if (type === "NewExpression" && name === "Fault") return { code: args[0], words: args[1] };
  if (type === "NewExpression" && name === "Error" && args[0]) return { words: args[0] };
  if (type === "CallExpression" && name === "failAt" && file.startsWith("assembly/"))
    return { code: args[0], words: args[1] };
  return undefined;
}

/** Messages of what cannot be, which no user sees: a table that the compiler has not held to its type. */
const NOT_SEEN = /^there is no rule for /;

/** Returns the messages of `assembly/` and `launcher/`, in the order of their files. */
export function collect(): Message[] {
  return [
    ...collectFrom(new Sources(["assembly"], /^assembly\/lint\/|\/abi\.ts$/)),
    ...collectFrom(
      new Sources(["packages/core", "launcher"], /^packages\/core\/(fault\.ts|schema\/|node_modules\/)/),
    ),
  ];
}

function collectFrom(sources: Sources): Message[] {
  const reader = new Reader(sources);
  const found = new Map<string, Message>();
  for (const { node, scope } of sources.calls) {
    const error = begins(node, scope.file);
    if (error === undefined) continue;
    const words = reader.read(error.words, scope);
    const codes = error.code ? reader.read(error.code, scope) : [[]];
    // The code goes in front, so that who calls fills in both.
    const marked = codes.flatMap((code) => words.map((one): Template => [...code, "\n", ...one]));
    for (const template of unique(marked))
      for (const one of reader.instances(template, scope.file)) note(found, one.file, one.template);
  }
  return [...found.values()].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
}

const CODES: Record<string, number> = {
  incompatibleVersion: 1,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodeFailure: 6,
  invalidNetworkConfig: 7,
  tryAgainLater: 11,
  pluginNotAvailable: 50,
  internal: 999,
};

function note(found: Map<string, Message>, file: string, template: Template): void {
  const end = template.indexOf("\n");
  const words = template.slice(end + 1);
  if (lettersOf(words) < 5) return; // the words of another error, or of the system
  if (NOT_SEEN.test(textOf(words))) return;
  const code = textOf(template.slice(0, end)).replace(/[‹›]/g, "");
  const number = CODES[`${code.charAt(0).toLowerCase()}${code.slice(1)}`];
  const text = textOf(words)
    .replace(/\s+/g, " ")
    .replace(/, not\s*$/, ", not ‹value›")
    .trim();
  const shape = text.replace(/‹[^›]*›/g, "‹›");
  const known = found.get(shape);
  if (known === undefined) found.set(shape, { file, codes: number === undefined ? [] : [number], text });
  else if (number !== undefined && !known.codes.includes(number)) known.codes.push(number);
}
