// Builds output: plain text for messages, JSON for documents. Commas are its own business.
import { Char } from "./char";
import { Span } from "./span";

const QUOTE_LIMIT = 120; // bytes of foreign text that a message repeats

export class Writer {
  private ptr: usize = 0;
  private capacity: i32 = 0;
  private length: i32 = 0;
  private comma: bool = false;

  take(): Span {
    return new Span(this.ptr, this.length);
  }

  byte(value: i32): Writer {
    this.reserve(1);
    store<u8>(this.ptr + this.length, <u8>value);
    this.length++;
    return this;
  }

  /** ASCII text as it is. */
  text(literal: string): Writer {
    const count = literal.length;
    this.reserve(count);
    for (let i = 0; i < count; i++) {
      store<u8>(this.ptr + this.length + i, <u8>literal.charCodeAt(i));
    }
    this.length += count;
    return this;
  }

  /** Bytes as they are. */
  span(bytes: Span): Writer {
    this.reserve(bytes.len);
    memory.copy(this.ptr + this.length, bytes.ptr, bytes.len);
    this.length += bytes.len;
    return this;
  }

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

  /** Foreign text in a message: in quotes, cut when long (never inside a UTF-8 sequence). */
  quote(bytes: Span): Writer {
    let shown = bytes.len;
    if (shown > QUOTE_LIMIT) {
      shown = QUOTE_LIMIT;
      while (shown > 0 && (bytes.at(shown) & 0xc0) === 0x80) shown--;
    }
    this.byte(Char.Quote).span(bytes.slice(0, shown));
    if (shown < bytes.len) this.text("...");
    return this.byte(Char.Quote);
  }

  // JSON

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

  /** A key that is foreign text. */
  keySpan(name: Span): Writer {
    this.string(name);
    this.byte(Char.Colon);
    this.comma = false;
    return this;
  }

  /** A JSON value that is already JSON. */
  json(value: Span): Writer {
    this.separate();
    this.span(value);
    return this.valued();
  }

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
