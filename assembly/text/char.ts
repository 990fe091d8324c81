// The ASCII characters that texts are taken apart and put together by, and their classes.

export const enum Char {
  Backspace = 0x08,
  Tab = 0x09,
  LineFeed = 0x0a,
  FormFeed = 0x0c,
  CarriageReturn = 0x0d,
  Space = 0x20,
  Exclamation = 0x21,
  Quote = 0x22,
  Percent = 0x25,
  Asterisk = 0x2a,
  Plus = 0x2b,
  Comma = 0x2c,
  Minus = 0x2d,
  Dot = 0x2e,
  Slash = 0x2f,
  _0 = 0x30,
  _9 = 0x39,
  Colon = 0x3a,
  Semicolon = 0x3b,
  Equals = 0x3d,
  QuestionMark = 0x3f,
  At = 0x40,
  A = 0x41,
  Z = 0x5a,
  OpenBracket = 0x5b,
  Backslash = 0x5c,
  CloseBracket = 0x5d,
  Underscore = 0x5f,
  a = 0x61,
  b = 0x62,
  e = 0x65,
  f = 0x66,
  n = 0x6e,
  r = 0x72,
  t = 0x74,
  u = 0x75,
  z = 0x7a,
  OpenBrace = 0x7b,
  Bar = 0x7c,
  CloseBrace = 0x7d,
  Tilde = 0x7e,
  Delete = 0x7f,
}

/**
 * Returns the character at `index` of an ASCII literal, which must be below its length. Literals have one byte a character:
 * scripts/build/literals.ts sees to that, so nothing else of AssemblyScript's strings works but their length.
 */
export function codeAt(literal: string, index: i32): i32 {
  return <i32>load<u8>(changetype<usize>(literal) + index);
}

/** Tells whether `c` is a decimal digit. */
export function isDigit(c: i32): bool {
  return c >= Char._0 && c <= Char._9;
}

/** Tells whether `c` is a hexadecimal digit of either case. */
export function isHexDigit(c: i32): bool {
  return isDigit(c) || (lower(c) >= Char.a && lower(c) <= Char.f);
}

/** Returns a letter's lower case; other characters may become any. */
export function lower(c: i32): i32 {
  return c | (Char.a ^ Char.A);
}
