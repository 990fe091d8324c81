// Where a fault stands: in the operation's document, or in a text that is a string there.
//
// How it works. A fault has addresses. A text that is a string of the document is mostly a copy of it, without its escapes;
// who reads one notes which string it is of (`noteText`), and only a fault looks for that again.
import { failAt, faultEnd, faultStart } from "../fault";
import { Char } from "../text/char";
import { Span } from "../text/span";
import { Writer } from "../text/writer";
import { pointerTo } from "./pointer";
import { Value } from "./value";

/** A text that was read. */
@unmanaged
class Noted {
  root: Value | null = null;

  constructor(
    readonly text: Span,
    /** The string that it is of; null if that is not known. */
    readonly holder: Value | null,
    readonly before: Noted | null,
  ) {}
}

let last: Noted | null = null;

/** Begins anew. */
export function forgetNoted(): void {
  last = null;
}

/** Notes a text that is read, and the string that it is of. */
export function noteText(text: Span, holder: Value | null): void {
  last = new Noted(text, holder, last);
}

/** Notes what the last noted text is, as JSON. */
export function noteRoot(root: Value): void {
  const noted = last;
  if (noted !== null) noted.root = root;
}

/** Fails at a value; an object or a list is shown by its first character. */
export function failOn<T>(code: i32, what: Writer, value: Value | null): T | null {
  if (value === null) return failAt<T>(code, what, 0, 0);
  const isNested = value.isObject() || value.isArray();
  return failAt<T>(code, what, value.start, isNested ? value.start + 1 : value.end);
}

/** Fails at the key of a member. */
export function failOnKey<T>(code: i32, what: Writer, member: Value): T | null {
  return failAt<T>(code, what, member.keyStart - 1, member.keyStart + <usize>member.keyLength + 1);
}

/**
 * Writes the place of the fault, if it is known: `text?, path, offset, length, line, column`. `text` is the JSON pointer of the
 * string in the document `root` that the place is in; it is absent if that is the document itself. `path` is the JSON pointer
 * in that text, `offset` and `length` its bytes there, `line` and `column` count from 1, in characters.
 *
 * @param document the operation's
 */
export function writePlace(out: Writer, document: Span, root: Value | null): void {
  const at = faultStart();
  if (at === 0) return;
  let noted = last;
  while (noted !== null && (at < noted.text.ptr || at > noted.text.end())) noted = noted.before;
  if (noted === null) return;
  const holder = noted.holder;
  if (holder !== null && root !== null && holder.start >= document.ptr && holder.start < document.end()) {
    out.key("text").string(pointerTo(root, holder.start));
  } else if (noted.text.ptr !== document.ptr) {
    return; // in a text that is in none of the document's own
  }
  out.key("path").string(pointerTo(noted.root, at));
  let line = 1;
  let column = 1;
  for (let p = noted.text.ptr; p < at; p++) {
    const c = load<u8>(p);
    if (c === Char.LineFeed) {
      line++;
      column = 1;
    } else if ((c & 0xc0) !== 0x80) {
      column++;
    }
  }
  const length = min(faultEnd(), noted.text.end()) - at;
  out
    .key("offset")
    .number(at - noted.text.ptr)
    .key("length")
    .number(max(<i64>length, 1));
  out.key("line").number(line).key("column").number(column);
}
