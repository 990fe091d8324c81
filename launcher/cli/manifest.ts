// Documents in YAML as JSON, and the way back from a place in the JSON to the one in the YAML.
//
// How it works. Each character of the JSON is written with the place in the YAML that it comes from. Everything that is not
// ASCII is written as an escape, so that an offset in bytes is one in characters. A string's characters are found in its
// scalar one after the other: between them may be what YAML leaves out (indentation, line breaks that are folded, escapes),
// so that a place inside a block scalar, and in the conf that it holds, is right to the column.
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseAllDocuments,
  type Scalar,
} from "yaml";

/** What the core takes at most. */
const MAX_CHARACTERS = 16 << 20;
/** Of one document: to look one up takes time for each node before it. */
const MAX_ALIASES = 1000;

/** A document, ready for the core. */
export interface Manifest {
  /** JSON. */
  text: string;
  /** Returns where in the source the byte `offset` of `text` comes from, in UTF-16 units. */
  sourceOf(offset: number): number;
}

/** Something in the source that is not YAML. */
export interface Malformed {
  at: number;
  why: string;
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
  const [error] = document.errors;
  if (error)
    return { at: error.pos[0], why: error.message.split("\n")[0]?.replace(/ at line \d+.*$/, "") ?? "" };
  const printer = new Printer(document, source);
  printer.node(document.contents as Node | null, 0);
  return printer.manifest();
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
    if (this.length > MAX_CHARACTERS)
      throw new Error("it has more than 16777216 characters; make it smaller");
    const start = node?.range?.[0] ?? at;
    if (isAlias(node)) this.alias(node, start);
    else if (isMap(node)) this.list("{}", start, node.items, (pair) => this.pair(pair as Pair, start));
    else if (isSeq(node)) this.list("[]", start, node.items, (item) => this.node(item as Node | null, start));
    else if (isScalar(node)) this.scalar(node as Scalar, start);
    else this.write("null", start);
  }

  private alias(alias: Alias, at: number): void {
    if (++this.aliases > MAX_ALIASES)
      throw new Error(`it has more than ${MAX_ALIASES} aliases; write it out`);
    this.node((alias.resolve(this.document) ?? null) as Node | null, at);
  }

  private list(brackets: string, at: number, items: unknown[], item: (item: unknown) => void): void {
    this.write(brackets.charAt(0), at);
    items.forEach((one, index) => {
      if (index > 0) this.write(",", at);
      item(one);
    });
    this.write(brackets.charAt(1), at);
  }

  private pair({ key, value }: Pair, at: number): void {
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

interface Pair {
  key: Node | null;
  value: Node | null;
}

/** Finds the characters of a scalar's value in its source. */
class Cursor {
  private readonly source: string;
  private at: number;
  private readonly end: number;
  private readonly isEscaped: boolean;

  constructor(source: string, at: number, end: number, isEscaped: boolean) {
    this.source = source;
    this.at = at;
    this.end = end;
    this.isEscaped = isEscaped;
  }

  /** Returns where the next character of the value is written. */
  next(character: string): number {
    if (this.isEscaped) {
      if (character.trim() !== "") while (/\s/.test(this.source.charAt(this.at))) this.at++; // lines that are folded
      while (this.source.startsWith("\\\n", this.at)) this.at += 2 + indentAt(this.source, this.at + 2);
      if (this.source.charAt(this.at) === "\\") return this.step(escapeLength(this.source, this.at));
    }
    const isWhite = character === " " || character === "\n";
    if (isWhite && /\s/.test(this.source.charAt(this.at))) return this.step(1);
    let at = this.at;
    while (at < this.end && !this.source.startsWith(character, at) && /\s/.test(this.source.charAt(at))) at++;
    if (!this.source.startsWith(character, at)) return Math.min(this.at, this.end);
    this.at = at;
    return this.step(character === "'" && this.source.startsWith("''", at) ? 2 : character.length);
  }

  private step(length: number): number {
    const at = this.at;
    this.at += length;
    return at;
  }
}

/** Returns where a scalar's content begins: behind its quote, or behind the line of a block scalar's `|` or `>`. */
function contentOf(scalar: Scalar, source: string, at: number): number {
  if (scalar.type === "QUOTE_DOUBLE" || scalar.type === "QUOTE_SINGLE") return at + 1;
  if (scalar.type !== "BLOCK_LITERAL" && scalar.type !== "BLOCK_FOLDED") return at;
  const line = source.indexOf("\n", at);
  const from = line < 0 ? at : line + 1;
  return from + indentAt(source, from);
}

function indentAt(source: string, at: number): number {
  let end = at;
  while (source.charAt(end) === " ") end++;
  return end - at;
}

/** Source: YAML 1.2.2, section 5.7. */
function escapeLength(source: string, at: number): number {
  const digits = { x: 2, u: 4, U: 8 }[source.charAt(at + 1)] ?? 0;
  return 2 + digits;
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
