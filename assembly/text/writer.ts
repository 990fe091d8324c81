// Builds output: plain text for messages, JSON for documents, with the commas that are due.
import { blockSize, claim, extend, fits, isLastBlock } from "./arena";
import { encodeBase64 } from "./base64";
import { Char } from "./char";
import { Span } from "./span";
import { plainEnd } from "./string";

const MAX_QUOTE_BYTES = 120; // of foreign text that a message repeats
const FIRST_BYTES: usize = 60;
const MAX_DOUBLED_BYTES: usize = 65536;

/** Bytes in front of what a Writer writes, for whoever hands it out. */
export const HEAD_BYTES: usize = 8;

/**
 * Collects bytes; every method returns the writer itself, for chains. If the operation may take no more memory
 * (`arena.exhaustion`), what is written is lost.
 */
@unmanaged
export class Writer {
  private block: usize = 0;
  /** Where the next byte goes, and where the block ends. */
  private next: usize = HEAD_BYTES;
  private end: usize = 0;
  private comma: bool = false;

  /** Returns all bytes written so far, without a copy; `HEAD_BYTES` before them are free if there is one. */
  take(): Span {
    const start = this.block + HEAD_BYTES;
    return new Span(start, <i32>(this.next - start));
  }

  /** Makes room for `more` bytes at once: a text that is not copied while it grows. */
  expect(more: i32): Writer {
    this.reserve(more);
    return this;
  }

  /** Writes one byte. */
  byte(value: i32): Writer {
    if (this.reserve(1)) store<u8>(this.next++, <u8>value);
    return this;
  }

  /** Writes ASCII text as it is. */
  text(literal: string): Writer {
    const count = literal.length;
    if (!this.reserve(count)) return this;
    memory.copy(this.next, changetype<usize>(literal), count);
    this.next += count;
    return this;
  }

  /** Writes bytes as they are. */
  span(bytes: Span): Writer {
    return this.bytes(bytes.ptr, bytes.len);
  }

  /** Writes `count` bytes as they are. */
  bytes(from: usize, count: i32): Writer {
    if (!this.reserve(count)) return this;
    memory.copy(this.next, from, count);
    this.next += count;
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
    this.byte(Char.Quote).bytes(bytes.ptr, shown);
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
    const end = value.end();
    let from = value.ptr;
    for (let at = plainEnd(from, end); at < end; at++) {
      const c = <i32>load<u8>(at);
      const isMarked = c === Char.Quote || c === Char.Backslash;
      if (!isMarked && c >= Char.Space) continue;
      if (at > from) this.bytes(from, <i32>(at - from));
      from = at + 1;
      if (!isMarked) this.escape(c);
      else {
        if (!this.reserve(2)) break; // nor is there room for the rest
        store<u16>(this.next, <u16>(Char.Backslash | (c << 8)));
        this.next += 2;
      }
      // Where one is, the next one is near.
      if (from < end && load<u8>(from) !== Char.Quote && load<u8>(from) !== Char.Backslash)
        at = plainEnd(from, end) - 1;
    }
    this.bytes(from, <i32>(end - from)).byte(Char.Quote);
    return this.valued();
  }

  /** Writes a string that needs no escape. */
  literal(value: string): Writer {
    this.separate();
    this.byte(Char.Quote).text(value).byte(Char.Quote);
    return this.valued();
  }

  /** Writes a string, the base64 of `bytes`. */
  base64(bytes: Span): Writer {
    const count = ((bytes.len + 2) / 3) * 4;
    this.separate();
    this.byte(Char.Quote);
    if (this.reserve(count)) {
      encodeBase64(bytes, this.next);
      this.next += count;
    }
    this.byte(Char.Quote);
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

  private escape(c: i32): void {
    this.byte(Char.Backslash);
    if (c === Char.LineFeed) this.byte(Char.n);
    else if (c === Char.CarriageReturn) this.byte(Char.r);
    else if (c === Char.Tab) this.byte(Char.t);
    else
      this.text("u00")
        .hex(c >> 4)
        .hex(c & 15);
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

  @inline
  private reserve(more: i32): bool {
    return this.next + more <= this.end || this.grow(more);
  }

  /** Takes more memory: where it ends, if that is free, a quarter more; elsewhere the double, so that copies stay few. */
  private grow(more: i32): bool {
    const used = this.next - this.block;
    const capacity = this.end - this.block;
    const needed = blockSize(used + more);
    let wanted = max(needed, blockSize(capacity === 0 ? FIRST_BYTES : capacity * 2));
    if (capacity > MAX_DOUBLED_BYTES && isLastBlock(this.block, capacity)) {
      wanted = max(needed, blockSize(capacity + capacity / 4));
    }
    if (!fits(wanted)) wanted = needed;
    const block = capacity === 0 ? claim(wanted) : extend(this.block, capacity, wanted);
    if (block === 0) return false;
    this.block = block;
    this.next = block + used;
    this.end = block + wanted;
    return true;
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
