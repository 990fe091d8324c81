// Bytes in the arena, by address and length: how every text travels through the core.
import { Char, codeAt } from "./char";

/** A run of bytes in linear memory. It is valid until the next `reset()`. Unmanaged: without a header of 20 bytes. */
@unmanaged
export class Span {
  constructor(
    public ptr: usize,
    public len: i32,
  ) {}

  /** Returns the byte at `index`, which must be below `len`. */
  @inline
  at(index: i32): i32 {
    return <i32>load<u8>(this.ptr + index);
  }

  /** Returns the address behind the last byte. */
  @inline
  end(): usize {
    return this.ptr + this.len;
  }

  /** Returns the part from `from` to before `to`, without a copy; nothing if it ends before it begins. */
  slice(from: i32, to: i32): Span {
    return new Span(this.ptr + from, max(to - from, 0));
  }

  equals(other: Span): bool {
    return this.len === other.len && memory.compare(this.ptr, other.ptr, this.len) === 0;
  }

  /** Tells whether this is exactly the ASCII `literal`. */
  is(literal: string): bool {
    return this.len === literal.length && this.startsWith(literal);
  }

  startsWith(literal: string): bool {
    if (this.len < literal.length) return false;
    for (let i = 0; i < literal.length; i++) {
      if (this.at(i) !== codeAt(literal, i)) return false;
    }
    return true;
  }

  /** Returns the first position of `byte` at or after `from`, or -1. */
  indexOf(byte: i32, from: i32 = 0): i32 {
    for (let i = from; i < this.len; i++) {
      if (this.at(i) === byte) return i;
    }
    return -1;
  }

  /** Returns it without the white space at both ends: space, tab, line feed, vertical tab, form feed, carriage return. */
  trim(): Span {
    let from = 0;
    let to = this.len;
    while (from < to && isSpace(this.at(from))) from++;
    while (to > from && isSpace(this.at(to - 1))) to--;
    return this.slice(from, to);
  }
}

function isSpace(byte: i32): bool {
  return byte === Char.Space || (byte >= Char.Tab && byte <= Char.CarriageReturn);
}

/** Returns the bytes of an ASCII literal. */
export function ascii(literal: string): Span {
  return new Span(changetype<usize>(literal), literal.length);
}
