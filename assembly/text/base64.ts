// Base64 with padding (RFC 4648, section 4), as Go writes a []byte.
import { Char, isDigit } from "./char";
import { Span } from "./span";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Returns the base64 of `bytes`. */
export function encodeBase64(bytes: Span): Span {
  const length = ((bytes.len + 2) / 3) * 4;
  const ptr = heap.alloc(length);
  let at = ptr;
  for (let i = 0; i < bytes.len; i += 3) {
    const left = bytes.len - i;
    const group =
      ((<u32>bytes.at(i)) << 16) |
      (left > 1 ? (<u32>bytes.at(i + 1)) << 8 : 0) |
      (left > 2 ? <u32>bytes.at(i + 2) : 0);
    store<u8>(at, digit(group >> 18));
    store<u8>(at, digit((group >> 12) & 63), 1);
    store<u8>(at, left > 1 ? digit((group >> 6) & 63) : <u8>Char.Equals, 2);
    store<u8>(at, left > 2 ? digit(group & 63) : <u8>Char.Equals, 3);
    at += 4;
  }
  return new Span(ptr, length);
}

/** Returns the bytes that `text` stands for, or null if it is not base64. */
export function decodeBase64(text: Span): Span | null {
  if (text.len % 4 !== 0) return null;
  let length = (text.len / 4) * 3;
  if (text.len > 0 && text.at(text.len - 1) === Char.Equals) length--;
  if (text.len > 0 && text.at(text.len - 2) === Char.Equals) length--;
  const ptr = heap.alloc((text.len / 4) * 3);
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

function digit(six: u32): u8 {
  return <u8>ALPHABET.charCodeAt(six);
}

function sixBits(c: i32): i32 {
  if (c >= Char.A && c <= Char.Z) return c - Char.A;
  if (c >= Char.a && c <= Char.z) return c - Char.a + 26;
  if (isDigit(c)) return c - Char._0 + 52;
  if (c === Char.Plus) return 62;
  return c === Char.Slash ? 63 : -1;
}
