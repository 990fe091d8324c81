// IP and hardware addresses, read as Go's `net` reads them, which is what plugins do.
import { Char, isDigit, isHexDigit, lower } from "../text/char";
import { Span } from "../text/span";
import { Writer } from "../text/writer";

export const enum Family {
  None = 0,
  V4 = 4,
  V6 = 6,
}

const V6_BYTES = 16;
/** The address that was read last, in the form of IPv6. */
const octets = memory.data(V6_BYTES);

/**
 * Returns the family of an IP address in text form (RFC 4291, section 2.2), or None. No zone, no leading zeros. An
 * IPv4-mapped address (`::ffff:10.0.0.1`) is one of IPv4, as net.IP.To4 has it.
 */
export function ipFamily(text: Span): Family {
  return familyOf(text.ptr, text.end());
}

/** Returns the family of `address/prefix`, or None (net.ParseCIDR). */
export function cidrFamily(text: Span): Family {
  const slash = text.indexOf(Char.Slash);
  return slash < 0 || prefixLength(text, slash) < 0 ? Family.None : familyOf(text.ptr, text.ptr + slash);
}

/** Returns the family of the default route whose destination is `text`, or None: a prefix of no bits, whatever stands before it. */
export function defaultRouteFamily(text: Span): Family {
  const slash = text.indexOf(Char.Slash);
  return slash < 0 || prefixLength(text, slash) !== 0 ? Family.None : familyOf(text.ptr, text.ptr + slash);
}

/** Returns an IP address as net.IP writes it where that is IPv4 and `text` has it mapped into IPv6; else `text`. */
export function unmapped(text: Span): Span {
  if (text.indexOf(Char.Colon) < 0 || ipFamily(text) !== Family.V4) return text;
  const out = new Writer();
  for (let i = 12; i < V6_BYTES; i++) {
    if (i > 12) out.byte(Char.Dot);
    out.int(load<u8>(octets + i));
  }
  return out.take();
}

/** Writes an IP address to `to` as 16 octets, IPv4 mapped into IPv6. `text` is one. */
export function octetsOf(text: Span, to: usize): void {
  familyOf(text.ptr, text.end());
  memory.copy(to, octets, V6_BYTES);
}

/** Returns the prefix length of `address/prefix`. `text` is one. */
export function prefixOf(text: Span): i32 {
  return prefixLength(text, text.indexOf(Char.Slash));
}

/** Returns the length of the prefix behind the slash, or -1 if that or the address is none. */
function prefixLength(text: Span, slash: i32): i32 {
  if (familyOf(text.ptr, text.ptr + slash) === Family.None) return -1;
  const isV6 = text.indexOf(Char.Colon) >= 0;
  let bits = 0;
  for (let i = slash + 1; i < text.len; i++) {
    const c = text.at(i);
    if (!isDigit(c)) return -1;
    bits = bits * 10 + (c - Char._0);
    if (bits > (isV6 ? 128 : 32)) return -1;
  }
  return slash + 1 < text.len ? bits : -1;
}

function familyOf(from: usize, end: usize): Family {
  memory.fill(octets, 0, V6_BYTES);
  store<u16>(octets, 0xffff, 10);
  if (readV4(from, end, octets + 12)) return Family.V4;
  memory.fill(octets, 0, V6_BYTES);
  if (!readV6(from, end)) return Family.None;
  const isMapped = load<u64>(octets) === 0 && load<u32>(octets, 8) === 0xffff0000;
  return isMapped ? Family.V4 : Family.V6;
}

/** Reads four decimal numbers with dots between; without leading zeros, which some take to be octal. */
function readV4(from: usize, end: usize, to: usize): bool {
  let at = from;
  for (let i = 0; i < 4; i++) {
    if (i > 0 && (at === end || load<u8>(at++) !== Char.Dot)) return false;
    const start = at;
    let octet = 0;
    while (at < end && isDigit(load<u8>(at))) {
      octet = octet * 10 + (load<u8>(at++) - Char._0);
      if (octet > 255) return false;
    }
    if (at === start || (at - start > 1 && load<u8>(start) === Char._0)) return false;
    store<u8>(to + i, <u8>octet);
  }
  return at === end;
}

/** Reads groups of hexadecimal digits with colons between, `::` for one or more that are 0, and IPv4 at the end. */
function readV6(from: usize, end: usize): bool {
  let at = from;
  let length = 0;
  let gap = -1;
  if (end - at >= 2 && load<u8>(at) === Char.Colon && load<u8>(at + 1) === Char.Colon) {
    gap = 0;
    at += 2;
    if (at === end) return true;
  }
  while (length < V6_BYTES) {
    const start = at;
    let group = 0;
    while (at < end && isHexDigit(load<u8>(at))) {
      if (at - start === 4) return false;
      const c = <i32>load<u8>(at++);
      group = group * 16 + (isDigit(c) ? c - Char._0 : lower(c) - Char.a + 10);
    }
    if (at === start) return false;
    if (at < end && load<u8>(at) === Char.Dot) {
      if (length > 12 || (gap < 0 && length !== 12) || !readV4(start, end, octets + length)) return false;
      length += 4;
      at = end;
      break;
    }
    store<u8>(octets + length, <u8>(group >> 8));
    store<u8>(octets + length + 1, <u8>group);
    length += 2;
    if (at === end) break;
    if (load<u8>(at++) !== Char.Colon || at === end) return false;
    if (load<u8>(at) !== Char.Colon) continue;
    if (gap >= 0) return false;
    gap = length;
    if (++at === end) break;
  }
  if (at !== end || gap >= 0 === (length === V6_BYTES)) return false;
  if (gap < 0) return true;
  memory.copy(octets + gap + (V6_BYTES - length), octets + gap, length - gap);
  memory.fill(octets + gap, 0, V6_BYTES - length);
  return true;
}

/**
 * Tells whether a hardware address has `count` octets, 6 (MAC-48) or 8 (EUI-64): octets with `:` or `-`, or pairs of octets
 * with `.` between, as net.ParseMAC takes them.
 */
function hasOctets(text: Span, count: i32): bool {
  if (text.len < 14) return false;
  const isDotted = text.at(4) === Char.Dot;
  const separator = isDotted ? Char.Dot : text.at(2);
  if (!isDotted && separator !== Char.Colon && separator !== Char.Minus) return false;
  const digits = isDotted ? 4 : 2;
  for (let i = 0; i < text.len; i++) {
    const c = text.at(i);
    if (i % (digits + 1) === digits ? c !== separator : !isHexDigit(c)) return false;
  }
  return (text.len + 1) * digits === 2 * count * (digits + 1);
}

/** What `isMac` wants, for messages. */
export const MAC_RULE = "must be the MAC address of one interface, six octets such as 02:00:5e:00:53:01";
/** What `isGuid` wants, for messages. */
export const GUID_RULE = "must be an InfiniBand GUID, eight octets such as 24:8a:07:03:00:8d:ae:2e";

/** Tells whether an interface can have `text` as its address: six octets that are not a group's (IEEE 802, I/G bit). */
export function isMac(text: Span): bool {
  if (!hasOctets(text, 6)) return false;
  const low = text.at(1);
  return ((isDigit(low) ? low - Char._0 : lower(low) - Char.a + 10) & 1) === 0;
}

/** Tells whether `text` is an InfiniBand GUID (InfiniBand Architecture Specification 1.4, section 4.1). */
export function isGuid(text: Span): bool {
  return hasOctets(text, 8);
}
