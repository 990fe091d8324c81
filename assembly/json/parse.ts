// A strict JSON parser (RFC 8259) over UTF-8 bytes, with limits. It notes positions and converts nothing.
import { Code, failAt } from "../fault";
import { claim } from "../text/arena";
import { Char, codeAt, isDigit, isHexDigit, lower } from "../text/char";
import { Span } from "../text/span";
import { plainEnd } from "../text/string";
import { say, Writer } from "../text/writer";
import { noteRoot, noteText } from "./place";
import { Value } from "./value";

const MAX_DEPTH = 1000; // of arrays and objects in each other
const MAX_VALUES = 250000; // over all documents of one operation
const SLAB_VALUES: usize = 64; // that memory is claimed for at once

const VALUE_BYTES: usize = offsetof<Value>();

let parsed: i32 = 0;
let faultAt: usize = 0;
let faultWhy: string = "";
let slab: usize = 0;
let slabEnd: usize = 0;

/** Starts counting values anew, at the beginning of an operation. */
export function resetParseBudget(): void {
  parsed = 0;
  slab = 0;
  slabEnd = 0;
}

/** Returns the address where the last text that was not JSON ceased to be it. */
export function parseFaultAt(): usize {
  return faultAt;
}

/** Returns why it is not JSON. */
export function parseFaultWhy(): string {
  return faultWhy;
}

/**
 * Reads the value that `text` is; null with a fault that says what is wrong and where, or without one if the operation may
 * take no more memory.
 *
 * @param what names the text
 * @param holder the string that it is the text of, if that is known: for the place of a fault
 */
export function parse(text: Span, what: Writer, holder: Value | null = null): Value | null {
  noteText(text, holder);
  const root = new Parser(text, what).document();
  if (root !== null) noteRoot(root);
  return root;
}

@unmanaged
class Parser {
  private pos: usize;
  private end: usize;
  private depth: i32 = 0;

  constructor(
    private source: Span,
    private what: Writer,
  ) {
    this.pos = source.ptr;
    this.end = source.end();
  }

  document(): Value | null {
    this.skipSpace();
    if (this.pos === this.end) return this.bad("it is empty");
    const value = this.value();
    if (value === null) return null;
    this.skipSpace();
    return this.pos === this.end ? value : this.bad("unexpected text after the value");
  }

  @inline
  private peek(): i32 {
    return this.pos < this.end ? <i32>load<u8>(this.pos) : -1;
  }

  private skipSpace(): void {
    while (this.pos < this.end) {
      const c = load<u8>(this.pos);
      if (c !== Char.Space && c !== Char.LineFeed && c !== Char.CarriageReturn && c !== Char.Tab) return;
      this.pos++;
    }
  }

  private value(): Value | null {
    if (++parsed > MAX_VALUES) return this.bad("more than 250000 values");
    const c = this.peek();
    if (c === Char.OpenBrace) return this.nested(true, Char.CloseBrace);
    if (c === Char.OpenBracket) return this.nested(false, Char.CloseBracket);
    const start = this.pos;
    if (c === Char.Quote) return this.scalar(start, this.string());
    if (c === Char.t) return this.scalar(start, this.word("true"));
    if (c === Char.f) return this.scalar(start, this.word("false"));
    if (c === Char.n) return this.scalar(start, this.word("null"));
    if (c === Char.Minus || isDigit(c)) return this.scalar(start, this.number());
    return c < 0 ? this.bad("unexpected end") : this.bad("expected a value");
  }

  private scalar(start: usize, fine: bool): Value | null {
    if (!fine) return null;
    const value = place(start);
    if (value !== null) value.end = this.pos;
    return value;
  }

  private nested(isObject: bool, closing: i32): Value | null {
    if (++this.depth > MAX_DEPTH) return this.bad("nested deeper than 1000");
    const value = place(this.pos++);
    if (value === null) return null;
    let last: Value | null = null;
    this.skipSpace();
    if (this.peek() !== closing) {
      for (;;) {
        const child = isObject ? this.member() : this.value();
        if (child === null) return null;
        if (last === null) value.first = child;
        else last.next = child;
        last = child;
        value.count++;
        this.skipSpace();
        if (this.peek() === closing) break;
        if (this.peek() !== Char.Comma) {
          return this.bad(isObject ? "expected , or }" : "expected , or ]");
        }
        this.pos++;
        this.skipSpace();
      }
    }
    value.end = ++this.pos;
    this.depth--;
    return value;
  }

  private member(): Value | null {
    if (this.peek() !== Char.Quote) return this.bad("expected a key in double quotes");
    const keyStart = this.pos + 1;
    if (!this.string()) return null;
    const keyEnd = this.pos - 1;
    this.skipSpace();
    if (this.peek() !== Char.Colon) return this.bad("expected : after the key");
    this.pos++;
    this.skipSpace();
    const value = this.value();
    if (value === null) return null;
    value.keyStart = keyStart;
    value.keyLength = <i32>(keyEnd - keyStart);
    return value;
  }

  private word(word: string): bool {
    for (let i = 0; i < word.length; i++) {
      if (this.peek() !== codeAt(word, i)) {
        this.bad("expected a value");
        return false;
      }
      this.pos++;
    }
    return true;
  }

  private number(): bool {
    if (this.peek() === Char.Minus) this.pos++;
    if (this.peek() === Char._0) this.pos++;
    else if (!this.digits()) return false;
    if (this.peek() === Char.Dot) {
      this.pos++;
      if (!this.digits()) return false;
    }
    if (lower(this.peek()) === Char.e) {
      this.pos++;
      if (this.peek() === Char.Plus || this.peek() === Char.Minus) this.pos++;
      if (!this.digits()) return false;
    }
    return true;
  }

  private digits(): bool {
    if (!isDigit(this.peek())) {
      this.bad("expected a digit");
      return false;
    }
    while (isDigit(this.peek())) this.pos++;
    return true;
  }

  private string(): bool {
    this.pos = plainEnd(this.pos + 1, this.end);
    let c = this.peek();
    for (; c !== Char.Quote; c = this.peek()) {
      if (c < 0) return this.badText("the string has no end");
      if (c < Char.Space) return this.badText("a control character in a string must be escaped");
      if (c === Char.Backslash) {
        if (!this.escape()) return false;
        this.pos = plainEnd(this.pos, this.end);
      } else if (c < 0x80) {
        this.pos++;
      } else if (!this.utf8(<u8>c)) {
        return this.badText("invalid UTF-8");
      }
    }
    this.pos++;
    return true;
  }

  private escape(): bool {
    this.pos++;
    const c = this.peek();
    if (c === Char.u) {
      for (let i = 0; i < 4; i++) {
        this.pos++;
        if (!isHexDigit(this.peek())) return this.badText("\\u needs four hexadecimal digits");
      }
    } else if (
      c !== Char.Quote &&
      c !== Char.Backslash &&
      c !== Char.Slash &&
      c !== Char.b &&
      c !== Char.f &&
      c !== Char.n &&
      c !== Char.r &&
      c !== Char.t
    ) {
      return this.badText("unknown escape");
    }
    this.pos++;
    return true;
  }

  /** Steps over one well-formed UTF-8 sequence of two bytes or more (Unicode 15, table 3-7). */
  private utf8(lead: u8): bool {
    let more = 1;
    let low: u8 = 0x80;
    let high: u8 = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
      more = 1;
    } else if (lead >= 0xe0 && lead <= 0xef) {
      more = 2;
      if (lead === 0xe0) low = 0xa0;
      else if (lead === 0xed) high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      more = 3;
      if (lead === 0xf0) low = 0x90;
      else if (lead === 0xf4) high = 0x8f;
    } else {
      return false;
    }
    for (; more > 0; more--) {
      this.pos++;
      const c = this.peek();
      if (c < <i32>low || c > <i32>high) return false;
      low = 0x80;
      high = 0xbf;
    }
    this.pos++;
    return true;
  }

  private badText(why: string): bool {
    this.bad(why);
    return false;
  }

  private bad(why: string): Value | null {
    let line = 1;
    let lineStart = this.source.ptr;
    const at = min(this.pos, this.end);
    faultAt = at;
    faultWhy = why;
    for (let p = this.source.ptr; p < at; p++) {
      if (load<u8>(p) !== Char.LineFeed) continue;
      line++;
      lineStart = p + 1;
    }
    return failAt<Value>(
      Code.DecodeFailure,
      say("")
        .span(this.what.take())
        .text(" is not valid JSON: ")
        .text(why)
        .text(" at byte ")
        .int(at - this.source.ptr)
        .text(" (line ")
        .int(line)
        .text(", column ")
        .int(at - lineStart + 1)
        .text(")"),
      at,
      at + 1,
    );
  }
}

/** Makes a Value; null if there is no memory for it. */
function place(start: usize): Value | null {
  if (slab === slabEnd) {
    slab = claim(SLAB_VALUES * VALUE_BYTES);
    slabEnd = slab === 0 ? 0 : slab + SLAB_VALUES * VALUE_BYTES;
    if (slab === 0) return null;
    memory.fill(slab, 0, SLAB_VALUES * VALUE_BYTES);
  }
  const value = changetype<Value>(slab);
  slab += VALUE_BYTES;
  value.start = start;
  return value;
}
