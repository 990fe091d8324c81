// IP and hardware addresses, as far as the core must tell good from bad and IPv4 from IPv6.
import { Char, isDigit, isHexDigit } from "../text/char";
import { Span } from "../text/span";

export const enum Family {
  None = 0,
  V4 = 4,
  V6 = 6,
}

/** Returns the family of an IP address in text form (RFC 4291, section 2.2), or None. No zone, no leading zeros. */
export function ipFamily(text: Span): Family {
  if (isV4(text)) return Family.V4;
  return isV6(text) ? Family.V6 : Family.None;
}

/** Returns the family of `address/prefix`, or None. */
export function cidrFamily(text: Span): Family {
  const slash = text.indexOf(Char.Slash);
  if (slash < 0) return Family.None;
  const family = ipFamily(text.slice(0, slash));
  const bits = decimal(text.slice(slash + 1, text.len), 3);
  if (family === Family.None || bits < 0) return Family.None;
  return bits <= (family === Family.V4 ? 32 : 128) ? family : Family.None;
}

/** Tells whether `text` is the destination of a default route: all zeros, with no prefix length or `/0`. */
export function isDefaultDestination(text: Span): bool {
  const slash = text.indexOf(Char.Slash);
  const address = slash < 0 ? text : text.slice(0, slash);
  if (ipFamily(address) === Family.None) return false;
  for (let i = 0; i < address.len; i++) {
    const c = address.at(i);
    if (c !== Char._0 && c !== Char.Dot && c !== Char.Colon) return false;
  }
  return slash < 0 || text.slice(slash, text.len).is("/0");
}

/**
 * Tells whether `text` is a MAC-48, EUI-64 or 20-octet InfiniBand address: octets with `:` or `-`, or pairs of octets
 * with `.`, as Go's net.ParseMAC takes them.
 */
export function isHardwareAddress(text: Span): bool {
  if (text.len < 14) return false;
  const dotted = text.at(4) === Char.Dot;
  const separator = dotted ? Char.Dot : text.at(2);
  if (!dotted && separator !== Char.Colon && separator !== Char.Minus) return false;
  const digits = dotted ? 4 : 2;
  const groups = text.split(separator);
  const octets = (groups.length * digits) / 2;
  if (octets !== 6 && octets !== 8 && octets !== 20) return false;
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i];
    if (group.len !== digits) return false;
    for (let j = 0; j < digits; j++) {
      if (!isHexDigit(group.at(j))) return false;
    }
  }
  return true;
}

function isV4(text: Span): bool {
  const parts = text.split(Char.Dot);
  if (parts.length !== 4) return false;
  for (let i = 0; i < 4; i++) {
    const octet = decimal(parts[i], 3);
    if (octet < 0 || octet > 255) return false;
  }
  return true;
}

function isV6(text: Span): bool {
  if (text.len < 2) return false;
  const parts = text.split(Char.Colon);
  let groups = 0;
  let gap = false;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    if (part.len === 0) {
      // A leading or trailing "::" leaves two empty parts, the outer of which stands for nothing.
      if (i === 0) {
        if (parts.length < 3 || parts[1].len !== 0) return false;
        continue;
      }
      if (i === parts.length - 1) {
        if (parts[i - 1].len !== 0) return false;
        continue;
      }
      if (gap) return false;
      gap = true;
      continue;
    }
    if (i === parts.length - 1 && part.indexOf(Char.Dot) >= 0) {
      if (!isV4(part)) return false;
      groups += 2;
      continue;
    }
    if (part.len > 4) return false;
    for (let j = 0; j < part.len; j++) {
      if (!isHexDigit(part.at(j))) return false;
    }
    groups++;
  }
  return gap ? groups < 8 : groups === 8;
}

/** Returns a decimal number without a sign or leading zeros, or -1. */
function decimal(text: Span, maxDigits: i32): i32 {
  if (text.len === 0 || text.len > maxDigits) return -1;
  if (text.len > 1 && text.at(0) === Char._0) return -1;
  let value = 0;
  for (let i = 0; i < text.len; i++) {
    const c = text.at(i);
    if (!isDigit(c)) return -1;
    value = value * 10 + (c - Char._0);
  }
  return value;
}
