// Documents in YAML as JSON, and the way back from a place in the JSON to the one in the YAML.
//
// How it works. Each character of the JSON is written with the place in the YAML that it comes from. Everything that is not
// ASCII is written as an escape, so that an offset in bytes is one in characters. A string's characters are found in its
// scalar one after the other: between them may be what YAML leaves out (indentation, line breaks that are folded, escapes),
// so that a place inside a block scalar, and in the conf that it holds, is right to the column. What an alias or `<<` brings is
// written where it is asked for, with the places of where it stands.
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseAllDocuments,
  Scalar,
  type YAMLMap,
} from "yaml";

import { Cursor, contentOf, indentAt } from "./scalar.ts";

/** What the core takes at most. */
const MAX_CHARACTERS = 16 << 20;
/** Of one document: to look one up takes time for each node before it. */
const MAX_ALIASES = 1000;
const MAX_LEVELS = 1000;
/** Of one document: keys that `<<` looks at, of which it writes those only that are not there yet. */
const MAX_MERGED = 1_000_000;

/** A document, ready for the core. */
export interface Manifest {
  /** JSON. */
  text: string;
  /** Returns where in the source the byte `offset` of `text` comes from, in UTF-16 units. */
  sourceOf(offset: number): number;
}

/** Something in the source that is not YAML, or that cannot be read. */
export interface Malformed {
  at: number;
  why: string;
  remedy: string;
}

class Unreadable extends Error {
  constructor(
    readonly at: number,
    why: string,
    readonly remedy: string,
  ) {
    super(why);
  }
}

/** Reads all documents of a file: one of JSON, or any number in YAML. */
export function readManifests(source: string, isYaml: boolean): (Manifest | Malformed)[] {
  if (!isYaml || isJson(source)) return [verbatim(source)];
  const { text, back } = indented(source);
  return [...parseAllDocuments(text, { logLevel: "silent", uniqueKeys: false })]
    .filter((document) => !isNothing(document.contents) || document.errors.length > 0)
    .map((document) => read(document, text))
    .map((one) =>
      "why" in one
        ? { ...one, at: back(one.at) }
        : { ...one, sourceOf: (offset) => back(one.sourceOf(offset)) },
    );
}

/** Tells whether a document is empty, as one behind the last `---`: kubectl skips it. */
function isNothing(contents: unknown): boolean {
  return contents === null || (isScalar(contents) && contents.value === null);
}

/**
 * Indents the lines of quoted scalars that stand further left than YAML 1.2 has it, as kubectl takes them and many manuals
 * write them: their indentation is no part of the value.
 *
 * @returns the text, and the way from a place in it to the one in the source
 */
function indented(source: string): { text: string; back: (at: number) => number } {
  const added: { at: number; count: number }[] = [];
  let text = "";
  let open: { quote: string; indent: number } | undefined;
  for (const line of source.split(/(?<=\n)/)) {
    const begins = open ? undefined : /^( *)(?:- +)*(?:[^\s'"#][^'"#]*?: +|- +)(['"])/.exec(line);
    const { quote, from, indent } = open
      ? { ...open, from: 0 }
      : { quote: begins?.[2] ?? "", from: begins?.[0].length ?? 0, indent: begins?.[1]?.length ?? 0 };
    const lacking = open ? indent + 2 - indentAt(line, 0) : 0;
    if (lacking > 0 && line.trim() !== "") {
      added.push({ at: text.length, count: lacking });
      text += " ".repeat(lacking);
    }
    text += line;
    open = quote !== "" && !isClosed(line, from, quote) ? { quote, indent } : undefined;
  }
  const back = (at: number) =>
    added.reduce((place, one) => (one.at < at ? place - Math.min(one.count, at - one.at) : place), at);
  return { text, back };
}

/** Tells whether a quoted scalar ends on this line. Source: YAML 1.2.2, sections 7.3.1 and 7.3.2. */
function isClosed(line: string, from: number, quote: string): boolean {
  const rest = line.slice(from).replaceAll(quote === "'" ? "''" : /\\./g, "");
  return rest.includes(quote);
}

function isJson(source: string): boolean {
  if (!/^\s*[[{]/.test(source)) return false;
  try {
    JSON.parse(source);
    return true;
  } catch {
    return false;
  }
}

function verbatim(source: string): Manifest {
  const bytes = new TextEncoder().encode(source);
  return {
    text: source,
    sourceOf: (offset) =>
      new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, offset)).length,
  };
}

function read(document: Document.Parsed, source: string): Manifest | Malformed {
  try {
    const [error] = document.errors;
    if (error) throw unreadable(error.pos[0], error.message);
    const printer = new Printer(document, source);
    printer.node(document.contents as Node | null, 0);
    return printer.manifest();
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    const { at, message, remedy } = error;
    return { at, why: message, remedy };
  }
}

/** Says in our words what the parser says. */
function unreadable(at: number, message: string): Unreadable {
  if (message.startsWith("Maximum call stack")) return tooDeep(at);
  const why = message.split("\n")[0]?.replace(/ at line \d+.*$/, "") ?? "";
  const remedy = why.startsWith("Tabs")
    ? "indent with spaces"
    : "correct it; what begins with `{`, or holds `: ` or ` #`, needs quotes";
  return new Unreadable(at, `it is not valid YAML: ${why}`, remedy);
}

function tooDeep(at: number): Unreadable {
  return new Unreadable(at, "it is nested too deeply", "make it flatter");
}

/** Characters of the JSON that come from the source one by one. */
interface Run {
  json: number;
  source: number;
  length: number;
}

class Printer {
  private readonly document: Document.Parsed;
  private readonly source: string;
  private readonly parts: string[] = [];
  private length = 0;
  private aliases = 0;
  private mergedKeys = 0;
  private level = 0;
  /** What is being written in the place of aliases. */
  private readonly resolving = new Set<unknown>();
  private readonly runs: Run[] = [];

  constructor(document: Document.Parsed, source: string) {
    this.document = document;
    this.source = source;
  }

  manifest(): Manifest {
    const { runs } = this;
    return {
      text: this.parts.join(""),
      sourceOf(offset) {
        let low = 0;
        for (let high = runs.length; high - low > 1; ) {
          const middle = (low + high) >> 1;
          if ((runs[middle]?.json ?? 0) <= offset) low = middle;
          else high = middle;
        }
        const run = runs[low];
        return run === undefined ? 0 : run.source + Math.min(offset - run.json, Math.max(0, run.length - 1));
      },
    };
  }

  node(node: Node | null, at: number): void {
    const start = node?.range?.[0] ?? at;
    if (this.length > MAX_CHARACTERS)
      throw new Unreadable(start, `it has more than ${MAX_CHARACTERS} characters`, "make it smaller");
    if (++this.level > MAX_LEVELS) throw tooDeep(start);
    if (isAlias(node)) this.behind(node, start, (target) => this.node(target, start));
    else if (isMap(node)) this.list("{}", start, this.merged(node, start), (pair) => this.pair(pair, start));
    else if (isSeq(node)) this.list("[]", start, node.items, (item) => this.node(item as Node | null, start));
    else if (isScalar(node)) this.scalar(node as Scalar, start);
    else this.write("null", start);
    this.level--;
  }

  /** Does something with what an alias stands for. */
  private behind(alias: Alias, at: number, then: (target: Node) => void): void {
    const named = `the alias \`*${alias.source}\``;
    if (++this.aliases > MAX_ALIASES)
      throw new Unreadable(at, `it has more than ${MAX_ALIASES} aliases`, "write it out");
    const target = alias.resolve(this.document);
    if (target === undefined)
      throw new Unreadable(
        at,
        `${named} stands for nothing`,
        `give what it stands for the anchor \`&${alias.source}\``,
      );
    if (this.resolving.has(target))
      throw new Unreadable(at, `${named} is inside what it stands for`, "write it out");
    this.resolving.add(target);
    then(target);
    this.resolving.delete(target);
  }

  /** Returns the pairs of a map, with those that `<<` merges into it. Source: yaml.org/type/merge.html, as kubectl has it. */
  private merged(map: YAMLMap, at: number): KeyAndValue[] {
    const own = (map.items as KeyAndValue[]).filter((pair) => !isMerge(pair));
    if (own.length === map.items.length) return own;
    const keys = new Set(own.map(keyOf));
    const merges = (map.items as KeyAndValue[]).filter(isMerge);
    const others = merges.flatMap(({ key, value }) => this.toMerge(value, key?.range?.[0] ?? at));
    return [...own, ...others.filter((pair) => !keys.has(keyOf(pair)) && keys.add(keyOf(pair)))];
  }

  /** Returns the pairs of a map, or of several in a list: the first that has a key counts. */
  private toMerge(value: Node | null, at: number): KeyAndValue[] {
    const start = value?.range?.[0] ?? at;
    if (++this.level > MAX_LEVELS) throw tooDeep(start);
    let pairs: KeyAndValue[] = [];
    if (isAlias(value)) this.behind(value, start, (target) => (pairs = this.toMerge(target, start)));
    else if (isMap(value)) {
      this.mergedKeys += value.items.length;
      if (this.mergedKeys > MAX_MERGED)
        throw new Unreadable(start, `it merges more than ${MAX_MERGED} keys by \`<<\``, "write them out");
      pairs = this.merged(value, start);
    } else if (isSeq(value)) pairs = value.items.flatMap((item) => this.toMerge(item as Node | null, start));
    else
      throw new Unreadable(start, "`<<` merges something that is not a map", "write `<<: *name`, of a map");
    this.level--;
    return pairs;
  }

  private list<T>(brackets: string, at: number, items: T[], item: (item: T) => void): void {
    this.write(brackets.charAt(0), at);
    items.forEach((one, index) => {
      if (index > 0) this.write(",", at);
      item(one);
    });
    this.write(brackets.charAt(1), at);
  }

  private pair({ key, value }: KeyAndValue, at: number): void {
    const start = key?.range?.[0] ?? at;
    if (isScalar(key) && typeof key.value === "string") this.scalar(key as Scalar, start);
    else this.write(quoted(isScalar(key) ? `${key.value}` : "?"), start);
    this.write(":", start);
    this.node(value, key?.range?.[1] ?? start);
  }

  private scalar(scalar: Scalar, at: number): void {
    const { value } = scalar;
    if (typeof value === "string") this.text(scalar, value, at);
    else if (typeof value === "number" && isJsonNumber(scalar.source)) this.write(scalar.source ?? "0", at);
    else this.write(JSON.stringify(value ?? null), at);
  }

  private text(scalar: Scalar, value: string, at: number): void {
    const from = contentOf(scalar, this.source, at);
    const cursor = new Cursor(this.source, from, scalar.range?.[1] ?? from, scalar.type === "QUOTE_DOUBLE");
    this.write('"', at);
    for (const character of value) {
      const place = cursor.next(character);
      this.write(escaped(character), place);
    }
    this.write('"', Math.max(from, (scalar.range?.[1] ?? from) - 1));
  }

  /** Writes JSON that comes from `at`: a single character continues a run, an escape is a run of one. */
  private write(json: string, at: number): void {
    const last = this.runs.at(-1);
    const continues =
      last !== undefined && last.json + last.length === this.length && last.source + last.length === at;
    if (json.length === 1 && continues) last.length++;
    else this.runs.push({ json: this.length, source: at, length: 1 });
    this.parts.push(json);
    this.length += json.length;
  }
}

type KeyAndValue = Pair<Node | null, Node | null>;

function isMerge({ key }: KeyAndValue): boolean {
  return isScalar(key) && key.value === "<<" && key.type === Scalar.PLAIN;
}

function keyOf({ key }: KeyAndValue): unknown {
  return isScalar(key) ? `${key.value}` : key;
}

function escaped(character: string): string {
  return quoted(character).slice(1, -1);
}

/** Returns a string in JSON that is ASCII. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function isJsonNumber(source: string | undefined): boolean {
  return source !== undefined && /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(source);
}
