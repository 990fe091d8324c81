// Subnets and the addresses in them: those of a network, and whether they are what their plugins take.
import { cidrFamily, Family, ipFamily, octetsOf, prefixOf } from "../cni/address";
import { Value } from "../json/value";
import { claim } from "../text/arena";
import { Char } from "../text/char";
import { Span } from "../text/span";
import { say, Writer } from "../text/writer";
import { onValue, Severity } from "./findings";

const OCTETS: usize = 16;
const scratch = memory.data(16);

/** A subnet, or a part of one: from the first to the last address, in the form of IPv6. */
@unmanaged
export class Subnet {
  constructor(
    readonly family: Family,
    /** Of the whole subnet, counted as in IPv6. */
    readonly prefix: i32,
    readonly low: usize,
    readonly high: usize,
    /** As it is written. */
    readonly text: Span,
    /** Whether the address before the slash has bits behind the prefix. */
    readonly hasHostBits: bool,
  ) {}

  /** Reads `address/prefix`; null if it is not that, or there is no memory. */
  static of(text: Span): Subnet | null {
    const family = cidrFamily(text);
    const room: usize = family === Family.None ? 0 : claim(2 * OCTETS);
    if (room === 0) return null;
    const bits = prefixOf(text) + (family === Family.V4 && text.indexOf(Char.Colon) < 0 ? 96 : 0);
    octetsOf(text.slice(0, text.indexOf(Char.Slash)), room);
    let hostBits = false;
    memory.copy(room + OCTETS, room, OCTETS);
    for (let bit = bits; bit < 128; bit++) {
      const at = room + (bit >> 3);
      const mask: i32 = 0x80 >> (bit & 7);
      const octet = <i32>load<u8>(at);
      if ((octet & mask) !== 0) hostBits = true;
      store<u8>(at, <u8>(octet & ~mask));
      store<u8>(at + OCTETS, <u8>(<i32>load<u8>(at + OCTETS) | mask));
    }
    return new Subnet(family, bits, room, room + OCTETS, text, hostBits);
  }

  /** Tells whether an address is in it. */
  has(address: Span): bool {
    if (ipFamily(address) !== this.family) return false;
    octetsOf(address, scratch);
    return memory.compare(this.low, scratch, OCTETS) <= 0 && memory.compare(scratch, this.high, OCTETS) <= 0;
  }

  /** Tells whether an address is in both. */
  meets(other: Subnet): bool {
    return (
      this.family === other.family &&
      memory.compare(this.low, other.high, OCTETS) <= 0 &&
      memory.compare(other.low, this.high, OCTETS) <= 0
    );
  }

  /** Writes its first address and its prefix length. */
  write(out: Writer): Writer {
    if (this.family === Family.V4) {
      for (let i: usize = 12; i < OCTETS; i++) {
        if (i > 12) out.byte(Char.Dot);
        out.int(load<u8>(this.low + i));
      }
      return out.byte(Char.Slash).int(this.prefix - 96);
    }
    for (let i: usize = 0; i < OCTETS; i += 2) {
      if (i > 0) out.byte(Char.Colon);
      hex(out, ((<i32>load<u8>(this.low + i)) << 8) | <i32>load<u8>(this.low + i + 1));
    }
    return out.byte(Char.Slash).int(this.prefix);
  }
}

/** Tells whether the address `a` comes after `b`, of the same family. */
export function isAfter(a: Span, b: Span): bool {
  const room = claim(2 * OCTETS);
  if (room === 0 || ipFamily(a) !== ipFamily(b)) return false;
  octetsOf(a, room);
  octetsOf(b, room + OCTETS);
  return memory.compare(room, room + OCTETS, OCTETS) > 0;
}

/** Notes an address that is not in the subnet where it has to be; `name` is its key. */
export function checkInside(subnet: Subnet, value: Value | null, name: string, severity: Severity): void {
  if (value === null || !value.isFilled()) return;
  const text = value.text();
  if (ipFamily(text) === Family.None || subnet.has(text)) return;
  onValue(
    "outside-subnet",
    severity,
    value,
    say("`").text(name).text("` is ").quote(text).text(", which is not in ").span(subnet.text),
    subnet.write(say("write an address of ")),
  );
}

function hex(out: Writer, group: i32): void {
  let shift = 12;
  while (shift > 0 && group >> shift === 0) shift -= 4;
  for (; shift >= 0; shift -= 4) {
    const digit = (group >> shift) & 15;
    out.byte(digit < 10 ? Char._0 + digit : Char.a - 10 + digit);
  }
}
