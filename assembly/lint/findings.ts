// The findings of one `lint`: noted by address, and printed with their places in the end.
import { pointerTo } from "../json/pointer";
import { Value } from "../json/value";
import { isExhausted } from "../text/arena";
import { Char } from "../text/char";
import { List } from "../text/list";
import { ascii, Span } from "../text/span";
import { Writer } from "../text/writer";
import { offsetOf, Text, textAt } from "./texts";

const MAX_FINDINGS = 100;
const MAX_CAUSES = 3;

export const enum Severity {
  /** It will fail, or be refused. */
  Error,
  /** It will not do what it seems to ask for. */
  Warning,
  /** There is a better way to write it. */
  Note,
}

@unmanaged
class Finding {
  offset: i32 = 0;
  length: i32 = 0;

  constructor(
    readonly rule: string,
    readonly severity: Severity,
    readonly text: Text,
    readonly at: usize,
    readonly end: usize,
    readonly found: Span,
    readonly remedy: Span,
  ) {}

  isBefore(other: Finding): bool {
    if (this.text.document !== other.text.document) return this.text.document < other.text.document;
    if (this.offset !== other.offset) return this.offset < other.offset;
    return this.severity < other.severity;
  }
}

let findings: List<Finding> = new List<Finding>();
let isMore = false;
let isSilent = false;

/** Begins anew. */
export function forgetFindings(): void {
  findings = new List<Finding>();
  isMore = false;
  isSilent = false;
}

/** Says whether nothing is noted from now on: of a document that is only learnt from. */
export function silence(is: bool): void {
  isSilent = is;
}

/** Tells whether there are as many findings as are given, or no memory for more: whoever looks for more can stop. */
export function isFull(): bool {
  return isMore || isExhausted();
}

/**
 * Keeps what may be why a plugin failed: what the node does not have, then other errors, three at most.
 *
 * @param lacksPlugin whether the plugin says that there is none of a name: one that is nearly a known one counts then
 */
export function keepCauses(lacksPlugin: bool): void {
  const kept = new List<Finding>();
  for (let i = 0; i < findings.length && kept.length < MAX_CAUSES; i++) {
    if (isAboutNode(findings[i], lacksPlugin)) kept.push(findings[i]);
  }
  for (let i = 0; i < findings.length && kept.length < MAX_CAUSES; i++) {
    const one = findings[i];
    if (one.severity === Severity.Error && !isAboutNode(one, lacksPlugin)) kept.push(one);
  }
  findings = kept;
}

function isAboutNode(one: Finding, lacksPlugin: bool): bool {
  const rule = ascii(one.rule);
  if (rule.is("unknown-plugin")) return lacksPlugin || one.severity === Severity.Error;
  return rule.is("unknown-interface") || rule.is("unknown-device") || rule.is("range-full");
}

/** Notes what stands from `at` to before `end`. */
export function report(
  rule: string,
  severity: Severity,
  at: usize,
  end: usize,
  found: Writer,
  remedy: Writer,
): void {
  if (isSilent) return;
  if (findings.length === MAX_FINDINGS) {
    isMore = true;
    return;
  }
  findings.push(new Finding(rule, severity, textAt(at), at, end, found.take(), remedy.take()));
}

/** Notes something about a value. An object or a list is shown by its first character. */
export function onValue(rule: string, severity: Severity, value: Value, found: Writer, remedy: Writer): void {
  const isNested = value.isObject() || value.isArray();
  report(rule, severity, value.start, isNested ? value.start + 1 : value.end, found, remedy);
}

/** Notes something about a member's key. */
export function onKey(rule: string, severity: Severity, member: Value, found: Writer, remedy: Writer): void {
  report(rule, severity, member.keyStart - 1, member.keyStart + <usize>member.keyLength + 1, found, remedy);
}

/**
 * Writes the list of findings, in the order of their places.
 *
 * @param pointers where each document is in the operation's own; null if a document is called by its number
 */
export function writeFindings(out: Writer, pointers: List<Span> | null): void {
  place();
  sort();
  out.openList();
  let document = -1;
  let line = 1;
  let column = 1;
  let offset = 0;
  for (let i = 0; i < findings.length; i++) {
    const one = findings[i];
    const root = rootOf(one.text);
    if (one.text.document !== document) {
      document = one.text.document;
      line = 1;
      column = 1;
      offset = 0;
    }
    for (; offset < one.offset; offset++) {
      const c = load<u8>(root.span.ptr + offset);
      if (c === Char.LineFeed) {
        line++;
        column = 1;
      } else if ((c & 0xc0) !== 0x80) {
        column++;
      }
    }
    out.open().key("rule").literal(one.rule).key("severity");
    if (one.severity === Severity.Error) out.literal("error");
    else if (one.severity === Severity.Warning) out.literal("warning");
    else out.literal("note");
    if (pointers === null) out.key("document").number(one.text.document);
    else if (pointers[one.text.document].len > 0) out.key("text").string(pointers[one.text.document]);
    write(out, one, root, line, column);
  }
  out.closeList();
}

function write(out: Writer, one: Finding, root: Text, line: i32, column: i32): void {
  out.key("path").string(pointerTo(root.root, root.span.ptr + one.offset));
  if (one.text !== root) out.key("within").string(pointerTo(one.text.root, one.at));
  out.key("offset").number(one.offset).key("length").number(one.length);
  out.key("line").number(line).key("column").number(column);
  out.key("found").string(one.found).key("remedy").string(one.remedy).close();
}

/** Finds each one's offset: text by text and from front to back, so that each text is walked through once. */
function place(): void {
  for (let i = 1; i < findings.length; i++) {
    const one = findings[i];
    let to = i;
    for (; to > 0 && standsBefore(one, findings[to - 1]); to--) findings[to] = findings[to - 1];
    findings[to] = one;
  }
  for (let i = 0; i < findings.length; i++) {
    const one = findings[i];
    one.offset = offsetOf(one.text, one.at);
    one.length = max(offsetOf(one.text, one.end) - one.offset, 1);
  }
}

function standsBefore(one: Finding, other: Finding): bool {
  if (one.text.raw !== other.text.raw) return one.text.raw < other.text.raw;
  return one.at < other.at;
}

function sort(): void {
  for (let i = 1; i < findings.length; i++) {
    const one = findings[i];
    let to = i;
    for (; to > 0 && one.isBefore(findings[to - 1]); to--) findings[to] = findings[to - 1];
    findings[to] = one;
  }
}

function rootOf(text: Text): Text {
  const parent = text.parent;
  return parent === null ? text : rootOf(parent);
}
