// Where things stand: the texts that are read, one inside the other, and the way from an address in one of them to a place in
// its document.
//
// How it works. Everything that a rule looks at is a `Value`, and so an address in memory. A document is one text; a conf or an
// annotation inside it is a string, whose unescaped copy is a text of its own, the parent of which is the document. The address
// alone says which text it is in. On the way up, `Text` counts how far the copy's bytes are apart from the string's, from
// where it was last asked: findings are asked for in their order, so each text is walked through once.
import { Value } from "../json/value";
import { Char } from "../text/char";
import { List } from "../text/list";
import { Span } from "../text/span";
import { hex4 } from "../text/string";

let texts: List<Text> = new List<Text>();

/** Begins anew. */
export function forgetTexts(): void {
  texts = new List<Text>();
}

@unmanaged
export class Text {
  /** What it says, if it is JSON. */
  root: Value | null = null;
  private decoded: i32 = 0;
  private written: i32 = 0;

  /**
   * @param raw the text as it stands in `parent`, between the string's quotes
   * @param document the number of its document
   */
  constructor(
    readonly span: Span,
    readonly parent: Text | null,
    readonly raw: usize,
    readonly document: i32,
  ) {}

  /** Returns where in the parent the byte `offset` of this text is written. */
  writtenAt(offset: i32): usize {
    if (offset < this.decoded) {
      this.decoded = 0;
      this.written = 0;
    }
    while (this.decoded < offset) this.step();
    return this.raw + this.written;
  }

  private step(): void {
    const at = this.raw + this.written;
    if (load<u8>(at) !== Char.Backslash) {
      this.decoded++;
      this.written++;
      return;
    }
    if (load<u8>(at, 1) !== Char.u) {
      this.decoded++;
      this.written += 2;
      return;
    }
    const point = hex4(at + 2);
    const isPair =
      point >= 0xd800 && point < 0xdc00 && load<u8>(at, 6) === Char.Backslash && load<u8>(at, 7) === Char.u;
    if (isPair) {
      const low = hex4(at + 8);
      if (low >= 0xdc00 && low < 0xe000) {
        this.decoded += 4;
        this.written += 12;
        return;
      }
    }
    this.decoded += point < 0x80 ? 1 : point < 0x800 ? 2 : 3;
    this.written += 6;
  }
}

/** Notes a document. */
export function documentOf(span: Span, document: i32): Text {
  const text = new Text(span, null, span.ptr, document);
  texts.push(text);
  return text;
}

/** Notes the text of a string inside another text. */
export function textIn(parent: Text, value: Value): Text {
  const span = value.text();
  const text = new Text(span, parent, value.start + 1, parent.document);
  if (span.ptr !== value.start + 1) texts.push(text); // a copy: else the address is one of the parent
  return text;
}

/** Returns the text that the address `at` is in. */
export function textAt(at: usize): Text {
  for (let i = texts.length - 1; i > 0; i--) {
    const span = texts[i].span;
    if (at >= span.ptr && at <= span.end()) return texts[i];
  }
  return texts[0];
}

/** Returns the offset of an address of `text` in its document. */
export function offsetOf(text: Text, at: usize): i32 {
  const parent = text.parent;
  if (parent === null) return <i32>(at - text.span.ptr);
  return offsetOf(parent, text.writtenAt(<i32>(at - text.span.ptr)));
}
