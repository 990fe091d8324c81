// CNI_ARGS: `KEY=value;KEY=value`.
// Source: CNI spec 1.1.0, section 2 "Parameters"; CNI CONVENTIONS.md "Well-known args".

import { isPlain } from "../cni/names";
import { Code } from "../fault";
import { failOn } from "../json/place";
import { Value } from "../json/value";
import { isExhausted } from "../text/arena";
import { Char } from "../text/char";
import { List } from "../text/list";
import { Sorted } from "../text/sorted";
import { ascii, Span } from "../text/span";
import { say, Writer } from "../text/writer";

const MAX_ARGS_BYTES = 131072; // MAX_ARG_STRLEN, linux/binfmts.h: no process can be given more

/** A key with its value. */
@unmanaged
export class Pair {
  constructor(
    readonly key: Span,
    public value: Span,
  ) {}
}

/** The arguments of one delegate: those that all of a container have, with the MAC and IP addresses that it asks for. */
@unmanaged
export class CniArgs {
  mac: Span = new Span(0, 0);
  /** Addresses with commas between. */
  ips: Span = new Span(0, 0);

  constructor(readonly common: List<Pair>) {}

  get length(): i32 {
    return this.common.length;
  }

  /** Takes MAC and IP addresses from the pairs themselves. */
  readAddresses(): void {
    for (let i = 0; i < this.common.length; i++) {
      const pair = this.common[i];
      if (pair.key.is("MAC")) this.mac = pair.value;
      else if (pair.key.is("IP")) this.ips = pair.value;
    }
  }

  /** Writes `[["KEY","value"],...]`, the form that delegates and libcni's cache have. */
  write(out: Writer): void {
    out.openList();
    let mac = this.mac.len > 0;
    let ips = this.ips.len > 0;
    for (let i = 0; i < this.common.length; i++) {
      const pair = this.common[i];
      if (this.mac.len > 0 && pair.key.is("MAC")) {
        writePair(out, pair.key, this.mac);
        mac = false;
      } else if (this.ips.len > 0 && pair.key.is("IP")) {
        writePair(out, pair.key, this.ips);
        ips = false;
      } else {
        writePair(out, pair.key, pair.value);
      }
    }
    if (mac) writePair(out, ascii("MAC"), this.mac);
    if (ips) writePair(out, ascii("IP"), this.ips);
    out.closeList();
  }
}

function writePair(out: Writer, key: Span, value: Span): void {
  out.openList().string(key).string(value).closeList();
}

/** Tells whether `text` can be CNI_ARGS; false with fault 4. `value` is where it is. */
export function checkArgs(text: Span, value: Value | null): bool {
  if (text.len <= MAX_ARGS_BYTES && isPlain(text)) return true;
  failOn<Value>(
    Code.InvalidEnvironment,
    say(
      "CNI_ARGS: it can have at most 131072 bytes, and no control characters; correct what the runtime sets",
    ),
    value,
  );
  return false;
}

/**
 * Returns the arguments that a delegate gets for those of the runtime: `IgnoreUnknown=true` first, then each key once
 * (of repeated ones the last, where the first stands). What follows the first `=` is the value; a part without `=` is left
 * out.
 */
export function readArgs(text: Span): List<Pair> {
  const all = new List<Pair>();
  for (let from = 0; from < text.len && !isExhausted(); ) {
    const semicolon = text.indexOf(Char.Semicolon, from);
    const to = semicolon < 0 ? text.len : semicolon;
    const part = text.slice(from, to);
    const equals = part.indexOf(Char.Equals);
    if (equals > 0) all.push(new Pair(part.slice(0, equals), part.slice(equals + 1, part.len)));
    from = to + 1;
  }
  const keys = Sorted.of(all.length);
  for (let i = 0; i < all.length; i++) keys.add(all[i].key);
  keys.sort();
  const isRepeated = List.filled<bool>(all.length);
  for (let rank = keys.length - 1; rank > 0; rank--) {
    if (!keys.repeats(rank)) continue;
    isRepeated[keys.numberAt(rank)] = true;
    all[keys.numberAt(rank - 1)].value = all[keys.numberAt(rank)].value;
  }
  const pairs = new List<Pair>();
  pairs.push(new Pair(ascii("IgnoreUnknown"), ascii("true")));
  for (let i = 0; i < all.length; i++) {
    if (!isRepeated[i] && !all[i].key.is("IgnoreUnknown")) pairs.push(all[i]);
  }
  return pairs;
}

/** Reads pairs from the form that delegates and libcni's cache have; what is not a pair that CNI_ARGS can hold is left out. */
export function pairsOf(list: Value): List<Pair> {
  const pairs = new List<Pair>();
  for (let one = list.first; one.exists; one = one.next) {
    const pair = pairOf(one);
    if (pair !== null) pairs.push(pair);
  }
  return pairs;
}

/** Returns `KEY=value;KEY=value`, the form of CNI_ARGS, of a delegate's `args`; null with fault 7 if one cannot be in it. */
export function joinArgs(list: Value | null): Span | null {
  if (list === null) return wrongArgs(null);
  const out = new Writer();
  for (let one = list.first; one.exists; one = one.next) {
    const pair = pairOf(one);
    if (pair === null) return wrongArgs(one);
    if (one !== list.first) out.byte(Char.Semicolon);
    out.span(pair.key).byte(Char.Equals).span(pair.value);
  }
  return list.isArray() ? out.take() : wrongArgs(list);
}

/** Tells whether `list` is a list of two strings each, a key and a value. */
export function arePairs(list: Value | null): bool {
  if (list === null || !list.isArray()) return false;
  for (let one = list.first; one.exists; one = one.next) {
    const first = one.first;
    if (!one.isArray() || one.count !== 2 || !first.isFilled() || !first.next.isString()) return false;
  }
  return true;
}

/** Fails with what a delegate's `args` must be. */
export function wrongArgs(value: Value | null): Span | null {
  return failOn<Span>(
    Code.InvalidNetworkConfig,
    say(
      "the delegate: `args` must be a list of [key, value], without `;` or control characters, and keys without `=`",
    ),
    value,
  );
}

function pairOf(one: Value): Pair | null {
  const first = one.first;
  if (first === null || !one.isArray() || one.count !== 2) return null;
  const second = first.next;
  if (second === null || !first.isString() || !second.isString()) return null;
  const key = first.text();
  const value = second.text();
  if (key.len === 0 || key.indexOf(Char.Equals) >= 0 || !isArg(key) || !isArg(value)) return null;
  return new Pair(key, value);
}

function isArg(text: Span): bool {
  return text.indexOf(Char.Semicolon) < 0 && isPlain(text);
}
