// Unescapes JSON strings. The parser has checked them, so every escape here is well formed.
import { Char, isDigit, lower } from "./char";
import { Span } from "./span";

/** Returns the UTF-8 text of `raw`, which stands between a string's quotes. Copies only if there is an escape. */
export function decodeString(raw: Span): Span {
  let i = raw.indexOf(Char.Backslash);
  if (i < 0) return raw;
  const ptr = heap.alloc(raw.len); // no escape is shorter than what it stands for
  memory.copy(ptr, raw.ptr, i);
  let length = i;
  while (i < raw.len) {
    const c = raw.at(i);
    if (c !== Char.Backslash) {
      store<u8>(ptr + length++, <u8>c);
      i++;
      continue;
    }
    const escape = raw.at(i + 1);
    i += 2;
    if (escape !== Char.u) {
      store<u8>(ptr + length++, <u8>unescaped(escape));
      continue;
    }
    let point = hex4(raw, i);
    i += 4;
    if (point >= 0xd800 && point < 0xe000) {
      const paired =
        point < 0xdc00 && i + 6 <= raw.len && raw.at(i) === Char.Backslash && raw.at(i + 1) === Char.u;
      const low: u32 = paired ? hex4(raw, i + 2) : 0;
      if (low >= 0xdc00 && low < 0xe000) {
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        i += 6;
      } else {
        point = 0xfffd;
      }
    }
    length += encode(ptr + length, point);
  }
  return new Span(ptr, length);
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

function hex4(text: Span, at: i32): u32 {
  let value: u32 = 0;
  for (let i = at; i < at + 4; i++) {
    const c = text.at(i);
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
