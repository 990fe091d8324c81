// Every message of an error that a user can see, from the code.
import { Code } from "../../packages/core/fault.ts";
import { isElsewhere } from "./elsewhere.ts";
import { collectOthers } from "./others.ts";
import { type Node, type Scope, Sources } from "./source.ts";
import { lettersOf, Reader, type Template, textOf, unique } from "./templates.ts";

export interface Message {
  file: string;
  /** Codes of CNI errors; none of a command's. */
  codes: number[];
  text: string;
  /** What mends it, as doctor says below the line: one of these. */
  remedies: string[];
}

/** Of what is left to `plexus` on the node: launcher/host/host.ts. */
const INTERNAL: Node = {
  type: "StringLiteral",
  value: "internal" satisfies keyof typeof Code,
  start: 0,
  end: 0,
};

/** Where an error of the core, and of the launcher, begins: its code and its words. */
function begins(node: Node, file: string): { code?: Node; words: Node } | undefined {
  const { type, callee, arguments: args } = node;
  const name = callee.name as string | undefined;
  if (type === "NewExpression" && name === "Fault") return { code: args[0], words: args[1] };
  if (type === "NewExpression" && name === "LeftToNode") return { code: INTERNAL, words: args[0] };
  if (type === "NewExpression" && name === "Error" && args[0]) return { words: args[0] };
  if (type === "CallExpression" && name === "failAt" && file.startsWith("assembly/"))
    return { code: args[0], words: args[1] };
  return undefined;
}

/** What is only printed, or written to the log; of doctor's lines, what was found. */
function printed(node: Node, file: string): Node | undefined {
  const { callee } = node;
  if (file.startsWith(DOCTOR) && /^(warn|fail)$/.test(callee.name ?? "")) return node.arguments[1];
  const said = callee.name ?? callee.property?.name;
  if (said === "warn" && node.arguments.length === 1) return node.arguments[0];
  if (node.type !== "CallExpression" || callee.type !== "MemberExpression") return undefined;
  const [object, name] = [callee.object.name, callee.property.name];
  if (object === "console" && name === "error") return node.arguments[0];
  const isOfLog = name === "write" && /^(panic|error)$/.test(node.arguments[0]?.value ?? "");
  return isOfLog && node.arguments.length === 2 ? node.arguments[1] : undefined;
}

/** Places that are named after the function that makes the value -> names for readers. */
const NAMES: Record<string, string> = {
  exitCodeOf: "exitCode",
  find: "name",
  floor: "number",
  join: "path",
  length: "count",
  listenerAt: "pid",
  owners: "name",
  round: "number",
};

const FEW_REMEDIES = 3;
const DOCTOR = "launcher/cli/doctor/";

/** Commander's words, as `launcher/cli/parser.ts` says them. */
export const COMMANDERS: readonly string[] = [
  "unknown command '‹name›'",
  "unknown option '‹flag›'",
  "missing required argument '‹name›'",
  "option '‹flags›' argument missing",
];

/** Messages of what cannot be, which no user sees: a table that the compiler has not held to its type. */
const NOT_SEEN = /^there is no rule for /;
/** A place that a caller leaves empty, with the words for one that does not: two texts, with nothing in between. */
const EMPTY_PLACE = / (?:in|of|at|on|from) *\0+ *[:;,]|\S \0+ \S/;

/** Returns the messages of `assembly/` and `launcher/`, in the order of their files. */
export function collect(): Message[] {
  return [
    ...collectFrom(new Sources(["assembly"], /^assembly\/lint\/|\/abi\.ts$/)),
    ...collectFrom(
      new Sources(["packages/core", "launcher"], /^packages\/core\/(fault\.ts|schema\/|node_modules\/)/),
      collectOthers(),
    ),
    ...[...COMMANDERS, "it needs a command", "there are too many arguments"].flatMap((words) =>
      [
        "`‹command› --help` says what there is",
        ...(words.startsWith("unknown") ? ["did you mean ‹name›?"] : []),
      ].map(
        (end): Message => ({
          file: "launcher/cli/parser.ts",
          codes: [],
          text: `${words}; ${end}`,
          remedies: [],
        }),
      ),
    ),
  ];
}

function collectFrom(sources: Sources, known: Message[] = []): Message[] {
  const reader = new Reader(sources);
  const found = new Map(known.map((one) => [shapeOf(one.text), one]));
  for (const { node, scope } of sources.calls) {
    const error = begins(node, scope.file);
    if (error === undefined) {
      const said = printed(node, scope.file);
      const remedies = said ? remediesOf(node, scope, reader) : [];
      for (const words of said ? reader.read(said, scope) : [])
        note(found, scope.file, ["\n", ...words], remedies);
      continue;
    }
    const words = reader.read(error.words, scope);
    const codes = error.code ? reader.read(error.code, scope) : [[]];
    // The code goes in front, so that who calls fills in both.
    const marked = codes.flatMap((code) => words.map((one): Template => [...code, "\n", ...one]));
    for (const template of unique(marked))
      for (const one of reader.instances(template, scope.file)) note(found, one.file, one.template);
  }
  for (const { node, scope } of sources.musts)
    for (const words of reader.read(node.value, scope))
      note(found, scope.file, ["\n", "--", { name: "option" }, " ", { name: "value" }, ": ", ...words]);
  addOthers(found, sources, reader);
  return [...found.values()].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
}

/** Returns words with single spaces, as a page has them; of an error in JSON, what it says. */
export function plainWords(text: string): string {
  return text
    .replace(/\s+/g, " ")
    .replace(/^\{"code":.*"msg":"(.*)"\}$/, "$1")
    .trim();
}

/** Returns the words of a template, its places with names for readers. */
function wordsOf(template: Template): string {
  return plainWords(textOf(template)).replace(/‹(\w+)›/g, (place, name: string) =>
    NAMES[name] ? `‹${NAMES[name]}›` : place,
  );
}

/** Tells whether a text is more than two words. */
export function isSentence(text: string): boolean {
  return /[a-z]+ [a-z]+ [a-z]+/.test(text);
}

/** Places whose texts are messages, however short they are. */
const ALWAYS_SAID =
  / ((Error|bad|badText|warn|log)\(\w*\)0|(Fault|failAt|fail|complain)\(\w*\)1|=REPLIES)( [a-z]\S*)?$| whyIgnored:/;

/** Tells whether a text needs an entry. */
export function isMessage(text: string, place: string): boolean {
  return isSentence(text) || (/[a-z]+\W+[a-z]+/.test(text) && ALWAYS_SAID.test(place));
}

/** Returns what mends a line of doctor; of more than a few ways the first. */
function remediesOf(node: Node, scope: Scope, reader: Reader): string[] {
  const remedy = scope.file.startsWith(DOCTOR) ? node.arguments[2] : undefined;
  const read = remedy === undefined ? [] : unique(reader.read(remedy, scope));
  const all = read.filter((words) => lettersOf(words) > 1).map((words) => wordsOf(words));
  return all.slice(0, all.length > FEW_REMEDIES ? 1 : FEW_REMEDIES);
}

/** Adds what is said in another way: every text of more than two words that is in no message yet, with all that it is a part of. */
function addOthers(found: Map<string, Message>, sources: Sources, reader: Reader): void {
  for (const { words, whole, scope, place } of sources.texts) {
    const text = plainWords(words).replace(/^[:;,.)\s]+/, "");
    const isThere = () =>
      [...found.values()].some((one) => [one.text, ...one.remedies].some((said) => said.includes(text)));
    if (!isMessage(text, place) || isElsewhere(place) || isThere()) continue;
    for (const template of reader.read(startOf(whole), scope)) note(found, scope.file, ["\n", ...template]);
    if (!isThere()) note(found, scope.file, ["\n", text]);
    if (!isThere()) throw new Error(`${place}: ${text}: it gets no entry`);
  }
}

/** Returns what more is written into, by a statement of its own; else what is said itself. */
function startOf(node: Node): Node {
  let start = node;
  while (start.type === "CallExpression" && start.callee.type === "MemberExpression")
    start = start.callee.object;
  return start.type === "Identifier" ? start : node;
}

/** The core's sources call them by the same names, but for the first letter. */
const CODES: Record<string, number> = Code;

function note(found: Map<string, Message>, file: string, template: Template, remedies: string[] = []): void {
  const end = template.indexOf("\n");
  const words = template.slice(end + 1);
  if (lettersOf(words) < 5) return; // the words of another error, or of the system
  if (NOT_SEEN.test(textOf(words)) || EMPTY_PLACE.test(words.map((one) => textOf([one])).join("\0"))) return;
  const code = textOf(template.slice(0, end)).replace(/[‹›]/g, "");
  const number = CODES[`${code.charAt(0).toLowerCase()}${code.slice(1)}`];
  const text = wordsOf(words)
    .replace(/ , (?=["‹])/, " ") // what stands between the items of a list
    .replace("lacks‹missing›", "lacks ‹missing›")
    .replace(/, not\s*(?:"")?\s*$/, ", not ‹value›");
  const shape = shapeOf(text);
  const known = found.get(shape);
  if (known === undefined)
    found.set(shape, { file, codes: number === undefined ? [] : [number], text, remedies });
  else if (number !== undefined && !known.codes.includes(number)) known.codes.push(number);
}

/** Returns a message without the names of its places. */
function shapeOf(text: string): string {
  return text.replace(/‹[^›]*›/g, "‹›");
}
