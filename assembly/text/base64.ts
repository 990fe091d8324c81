// Base64 with padding (RFC 4648, section 4), as Go writes a []byte.
import { claim } from "./arena";
import { Char, codeAt, isDigit } from "./char";
import { Span } from "./span";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Writes the base64 of `bytes` to `to`, where there must be room for 4 characters for each 3 bytes begun. */
export function encodeBase64(bytes: Span, to: usize): void {
  const end = bytes.end();
  let at = to;
  for (let from = bytes.ptr; from < end; from += 3, at += 4) {
    const left = <i32>(end - from);
    const second = left > 1 ? <u32>load<u8>(from, 1) : 0;
    const third = left > 2 ? <u32>load<u8>(from, 2) : 0;
    const group = ((<u32>load<u8>(from)) << 16) | (second << 8) | third;
    const four = digit(group >> 18) | (digit((group >> 12) & 63) << 8) | (digit((group >> 6) & 63) << 16);
    store<u32>(at, four | (digit(group & 63) << 24));
    if (left < 3) store<u8>(at, <u8>Char.Equals, 3);
    if (left < 2) store<u8>(at, <u8>Char.Equals, 2);
  }
}

/** Returns the bytes that `text` stands for, or null if it is not base64 or there is no memory. */
export function decodeBase64(text: Span): Span | null {
  if (text.len % 4 !== 0) return null;
  let length = (text.len / 4) * 3;
  if (text.len > 0 && text.at(text.len - 1) === Char.Equals) length--;
  if (text.len > 0 && text.at(text.len - 2) === Char.Equals) length--;
  const ptr = claim((text.len / 4) * 3);
  if (ptr === 0) return null;
  let at = ptr;
  for (let i = 0; i < text.len; i += 4) {
    let group: u32 = 0;
    for (let j = i; j < i + 4; j++) {
      const c = text.at(j);
      const padding =
        c === Char.Equals && j >= text.len - 2 && (j === text.len - 1 || text.at(j + 1) === Char.Equals);
      const six = padding ? 0 : sixBits(c);
      if (six < 0) return null;
      group = (group << 6) | six;
    }
    store<u8>(at, <u8>(group >> 16));
    store<u8>(at, <u8>(group >> 8), 1);
    store<u8>(at, <u8>group, 2);
    at += 3;
  }
  return new Span(ptr, length);
}

function digit(six: u32): u32 {
  return <u32>codeAt(ALPHABET, six);
}

function sixBits(c: i32): i32 {
  if (c >= Char.A && c <= Char.Z) return c - Char.A;
  if (c >= Char.a && c <= Char.z) return c - Char.a + 26;
  if (isDigit(c)) return c - Char._0 + 52;
  if (c === Char.Plus) return 62;
  return c === Char.Slash ? 63 : -1;
}
