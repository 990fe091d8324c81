// Builds output: plain text for messages, JSON for documents. Commas are its own business.
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

  byte(value: u8): Writer {
    this.reserve(1);
    store<u8>(this.ptr + this.length, value);
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
    if (value < 0) this.byte(0x2d);
    let rest: u64 = value < 0 ? 0 - <u64>value : <u64>value;
    let unit: u64 = 1;
    while (rest / unit >= 10) unit *= 10;
    for (; unit > 0; unit /= 10) {
      this.byte(0x30 + <u8>(rest / unit));
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
    this.byte(0x22).span(bytes.slice(0, shown));
    if (shown < bytes.len) this.text("...");
    return this.byte(0x22);
  }

  // JSON

  open(): Writer {
    return this.opening(0x7b);
  }

  close(): Writer {
    return this.closing(0x7d);
  }

  openList(): Writer {
    return this.opening(0x5b);
  }

  closeList(): Writer {
    return this.closing(0x5d);
  }

  key(literal: string): Writer {
    this.separate();
    this.byte(0x22).text(literal).text('":');
    this.comma = false;
    return this;
  }

  /** A key that is foreign text. */
  keySpan(name: Span): Writer {
    this.string(name);
    this.byte(0x3a);
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
    this.byte(0x22);
    let from = 0;
    for (let i = 0; i < value.len; i++) {
      const c = value.at(i);
      if (c !== 0x22 && c !== 0x5c && c >= 0x20) continue;
      this.span(value.slice(from, i));
      from = i + 1;
      this.byte(0x5c);
      if (c === 0x22 || c === 0x5c) this.byte(c);
      else if (c === 0x0a) this.byte(0x6e);
      else if (c === 0x0d) this.byte(0x72);
      else if (c === 0x09) this.byte(0x74);
      else
        this.text("u00")
          .hex(c >> 4)
          .hex(c & 15);
    }
    this.span(value.slice(from, value.len)).byte(0x22);
    return this.valued();
  }

  literal(value: string): Writer {
    this.separate();
    this.byte(0x22).text(value).byte(0x22);
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

  private hex(digit: u8): Writer {
    return this.byte(digit < 10 ? 0x30 + digit : 0x57 + digit);
  }

  private opening(bracket: u8): Writer {
    this.separate();
    this.byte(bracket);
    this.comma = false;
    return this;
  }

  private closing(bracket: u8): Writer {
    this.byte(bracket);
    return this.valued();
  }

  private separate(): void {
    if (this.comma) this.byte(0x2c);
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
