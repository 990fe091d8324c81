// Builds output: plain text for messages, JSON for documents, with the commas that are due.
import { Char } from "./char";
import { Span } from "./span";

const MAX_QUOTE_BYTES = 120; // of foreign text that a message repeats

/** Collects bytes; every method returns the writer itself, for chains. */
export class Writer {
  private ptr: usize = 0;
  private capacity: i32 = 0;
  private length: i32 = 0;
  private comma: bool = false;

  /** Returns all bytes written so far, without a copy. */
  take(): Span {
    return new Span(this.ptr, this.length);
  }

  /** Writes one byte. */
  byte(value: i32): Writer {
    this.reserve(1);
    store<u8>(this.ptr + this.length, <u8>value);
    this.length++;
    return this;
  }

  /** Writes ASCII text as it is. */
  text(literal: string): Writer {
    const count = literal.length;
    this.reserve(count);
    for (let i = 0; i < count; i++) {
      store<u8>(this.ptr + this.length + i, <u8>literal.charCodeAt(i));
    }
    this.length += count;
    return this;
  }

  /** Writes bytes as they are. */
  span(bytes: Span): Writer {
    this.reserve(bytes.len);
    memory.copy(this.ptr + this.length, bytes.ptr, bytes.len);
    this.length += bytes.len;
    return this;
  }

  /** Writes an integer in decimal. */
  int(value: i64): Writer {
    if (value < 0) this.byte(Char.Minus);
    let rest: u64 = value < 0 ? 0 - <u64>value : <u64>value;
    let unit: u64 = 1;
    while (rest / unit >= 10) unit *= 10;
    for (; unit > 0; unit /= 10) {
      this.byte(Char._0 + <i32>(rest / unit));
      rest %= unit;
    }
    return this;
  }

  /** Writes foreign text into a message: in quotes, cut if it is long, but never inside a UTF-8 sequence. */
  quote(bytes: Span): Writer {
    let shown = bytes.len;
    if (shown > MAX_QUOTE_BYTES) {
      shown = MAX_QUOTE_BYTES;
      while (shown > 0 && (bytes.at(shown) & 0xc0) === 0x80) shown--;
    }
    this.byte(Char.Quote).span(bytes.slice(0, shown));
    if (shown < bytes.len) this.text("...");
    return this.byte(Char.Quote);
  }

  // JSON: each writes one token, with the comma before it if one is due.

  open(): Writer {
    return this.opening(Char.OpenBrace);
  }

  close(): Writer {
    return this.closing(Char.CloseBrace);
  }

  openList(): Writer {
    return this.opening(Char.OpenBracket);
  }

  closeList(): Writer {
    return this.closing(Char.CloseBracket);
  }

  key(literal: string): Writer {
    this.separate();
    this.byte(Char.Quote).text(literal).text('":');
    this.comma = false;
    return this;
  }

  /** Writes a key that is foreign text. */
  keySpan(name: Span): Writer {
    this.string(name);
    this.byte(Char.Colon);
    this.comma = false;
    return this;
  }

  /** Writes a value that is already JSON. */
  json(value: Span): Writer {
    this.separate();
    this.span(value);
    return this.valued();
  }

  /** Writes a string, with the escapes it needs. */
  string(value: Span): Writer {
    this.separate();
    this.reserve(value.len + 2);
    this.byte(Char.Quote);
    let from = 0;
    for (let i = 0; i < value.len; i++) {
      const c = value.at(i);
      if (c !== Char.Quote && c !== Char.Backslash && c >= Char.Space) continue;
      this.span(value.slice(from, i));
      from = i + 1;
      this.byte(Char.Backslash);
      if (c === Char.Quote || c === Char.Backslash) this.byte(c);
      else if (c === Char.LineFeed) this.byte(Char.n);
      else if (c === Char.CarriageReturn) this.byte(Char.r);
      else if (c === Char.Tab) this.byte(Char.t);
      else
        this.text("u00")
          .hex(c >> 4)
          .hex(c & 15);
    }
    this.span(value.slice(from, value.len)).byte(Char.Quote);
    return this.valued();
  }

  /** Writes a string that needs no escape. */
  literal(value: string): Writer {
    this.separate();
    this.byte(Char.Quote).text(value).byte(Char.Quote);
    return this.valued();
  }

  bool(value: bool): Writer {
    this.separate();
    this.text(value ? "true" : "false");
    return this.valued();
  }

  number(value: i64): Writer {
    this.separate();
    this.int(value);
    return this.valued();
  }

  private hex(digit: i32): Writer {
    return this.byte(digit < 10 ? Char._0 + digit : Char.a - 10 + digit);
  }

  private opening(bracket: i32): Writer {
    this.separate();
    this.byte(bracket);
    this.comma = false;
    return this;
  }

  private closing(bracket: i32): Writer {
    this.byte(bracket);
    return this.valued();
  }

  private separate(): void {
    if (this.comma) this.byte(Char.Comma);
  }

  private valued(): Writer {
    this.comma = true;
    return this;
  }

  private reserve(more: i32): void {
    const needed = this.length + more;
    if (needed <= this.capacity) return;
    const capacity = max(needed, max(64, this.capacity * 2));
    const grown = heap.alloc(capacity);
    memory.copy(grown, this.ptr, this.length);
    this.ptr = grown;
    this.capacity = capacity;
  }
}

/** Begins a message. */
export function say(literal: string): Writer {
  return new Writer().text(literal);
}

/** Begins a message on what `what` names: `<what>: `. */
export function about(what: Span): Writer {
  return new Writer().span(what).text(": ");
}
