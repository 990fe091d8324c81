// Unescapes JSON strings. The parser has checked them, so every escape here is well formed.
import { claim } from "./arena";
import { Char, codeAt, isDigit, lower } from "./char";
import { Span } from "./span";

const MAX_ESCAPE_BYTES = 6; // \u0000
const MAX_NAME_BYTES = 64;
const name = memory.data(MAX_NAME_BYTES * MAX_ESCAPE_BYTES);

/**
 * Returns where, from `from` on, the first eight bytes stand of which one may be a control character, a quote, a backslash
 * or a part of a longer UTF-8 sequence; or fewer than eight are left. Before that each byte stands for itself.
 */
export function plainEnd(from: usize, end: usize): usize {
  let at = from;
  for (; at + 8 <= end; at += 8) {
    const bytes = load<u64>(at);
    // In each byte the highest bit is set if it is one of those: a subtraction from less borrows it.
    const odd =
      bytes |
      (bytes - 0x2020202020202020) |
      ((bytes ^ 0x2222222222222222) - 0x0101010101010101) |
      ((bytes ^ 0x5c5c5c5c5c5c5c5c) - 0x0101010101010101);
    if ((odd & 0x8080808080808080) !== 0) break;
  }
  return at;
}

/** Returns the UTF-8 text of `raw`, which stands between a string's quotes. Copies only if there is an escape. */
export function decodeString(raw: Span): Span {
  let at = plainEnd(raw.ptr, raw.end());
  while (at < raw.end() && load<u8>(at) !== Char.Backslash) at++;
  if (at === raw.end()) return raw;
  const ptr = claim(raw.len);
  return ptr === 0 ? new Span(0, 0) : new Span(ptr, decode(raw.ptr, raw.end(), ptr));
}

/**
 * Tells whether the `len` bytes at `ptr`, which stand between a string's quotes, are the characters from `from` to before
 * `to` of the ASCII `literal`, at most 64. Allocates nothing.
 */
export function decodesTo(ptr: usize, len: i32, literal: string, from: i32, to: i32): bool {
  const length = to - from;
  if (len === length) return bytesAre(ptr, literal, from, to);
  if (len < length || len > length * MAX_ESCAPE_BYTES) return false;
  const end = ptr + len;
  for (let at = ptr; load<u8>(at) !== Char.Backslash; ) {
    if (++at === end) return false; // longer, without an escape
  }
  return decode(ptr, end, name) === length && bytesAre(name, literal, from, to);
}

function bytesAre(ptr: usize, literal: string, from: i32, to: i32): bool {
  let at = ptr;
  for (let i = from; i < to; i++) {
    if (<i32>load<u8>(at++) !== codeAt(literal, i)) return false;
  }
  return true;
}

/** Writes the text of a string to `to`, and returns its length: no escape is shorter than what it stands for. */
function decode(from: usize, end: usize, to: usize): i32 {
  let length = 0;
  let at = from;
  while (at < end) {
    const plain = <i32>(plainEnd(at, end) - at);
    memory.copy(to + length, at, plain);
    length += plain;
    at += plain;
    let c: u8 = 0;
    while (at < end && (c = load<u8>(at++)) !== Char.Backslash) store<u8>(to + length++, c);
    if (c !== Char.Backslash) break;
    const escape = load<u8>(at++);
    if (escape !== Char.u) {
      store<u8>(to + length++, <u8>unescaped(escape));
      continue;
    }
    let point = hex4(at);
    at += 4;
    if (point >= 0xd800 && point < 0xe000) {
      const paired =
        point < 0xdc00 && at + 6 <= end && load<u8>(at) === Char.Backslash && load<u8>(at + 1) === Char.u;
      const low: u32 = paired ? hex4(at + 2) : 0;
      if (low >= 0xdc00 && low < 0xe000) {
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
      } else {
        point = 0xfffd;
      }
    }
    length += encode(to + length, point);
  }
  return length;
}

function unescaped(escape: i32): i32 {
  switch (escape) {
    case Char.b:
      return Char.Backspace;
    case Char.f:
      return Char.FormFeed;
    case Char.n:
      return Char.LineFeed;
    case Char.r:
      return Char.CarriageReturn;
    case Char.t:
      return Char.Tab;
    default:
      return escape; // " \ /
  }
}

/** Reads the four digits of a `\\u` escape, which are there. */
export function hex4(ptr: usize): u32 {
  let value: u32 = 0;
  for (let at = ptr; at < ptr + 4; at++) {
    const c = <i32>load<u8>(at);
    value = (value << 4) | <u32>(isDigit(c) ? c - Char._0 : lower(c) - Char.a + 10);
  }
  return value;
}

function encode(at: usize, point: u32): i32 {
  if (point < 0x80) {
    store<u8>(at, <u8>point);
    return 1;
  }
  if (point < 0x800) {
    store<u8>(at, <u8>(0xc0 | (point >> 6)));
    store<u8>(at, <u8>(0x80 | (point & 0x3f)), 1);
    return 2;
  }
  if (point < 0x10000) {
    store<u8>(at, <u8>(0xe0 | (point >> 12)));
    store<u8>(at, <u8>(0x80 | ((point >> 6) & 0x3f)), 1);
    store<u8>(at, <u8>(0x80 | (point & 0x3f)), 2);
    return 3;
  }
  store<u8>(at, <u8>(0xf0 | (point >> 18)));
  store<u8>(at, <u8>(0x80 | ((point >> 12) & 0x3f)), 1);
  store<u8>(at, <u8>(0x80 | ((point >> 6) & 0x3f)), 2);
  store<u8>(at, <u8>(0x80 | (point & 0x3f)), 3);
  return 4;
}
