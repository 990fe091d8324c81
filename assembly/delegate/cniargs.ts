// CNI_ARGS: `KEY=value;KEY=value`.
// Source: CNI spec 1.1.0, section 2 "Parameters"; CNI CONVENTIONS.md "Well-known args".

import { Value } from "../json/value";
import { Char } from "../text/char";
import { ascii, Span } from "../text/span";
import { Writer } from "../text/writer";

/** A key with its value. */
export class Pair {
  constructor(
    readonly key: Span,
    readonly value: Span,
  ) {}
}

/**
 * Returns the arguments that a delegate gets for those of the runtime: `IgnoreUnknown=true` first, then each key once
 * (of repeated ones the last). What follows the first `=` is the value; a part without `=` is left out.
 */
export function readArgs(text: Span): Pair[] {
  const pairs: Pair[] = [new Pair(ascii("IgnoreUnknown"), ascii("true"))];
  if (text.len === 0) return pairs;
  const parts = text.split(Char.Semicolon);
  for (let i = 0; i < parts.length; i++) {
    const equals = parts[i].indexOf(Char.Equals);
    if (equals <= 0) continue;
    const key = parts[i].slice(0, equals);
    if (key.is("IgnoreUnknown")) continue;
    setArg(pairs, key, parts[i].slice(equals + 1, parts[i].len));
  }
  return pairs;
}

/** Gives `key` the value, in its place if `pairs` has it, else at the end. */
export function setArg(pairs: Pair[], key: Span, value: Span): void {
  for (let i = 0; i < pairs.length; i++) {
    if (!pairs[i].key.equals(key)) continue;
    pairs[i] = new Pair(key, value);
    return;
  }
  pairs.push(new Pair(key, value));
}

/** Writes `[["KEY","value"],...]`, the form that delegates and libcni's cache have. */
export function writePairs(out: Writer, pairs: Pair[]): void {
  out.openList();
  for (let i = 0; i < pairs.length; i++) {
    out.openList().string(pairs[i].key).string(pairs[i].value).closeList();
  }
  out.closeList();
}

/** Reads pairs from that form; what is not a pair of strings is left out. */
export function pairsOf(list: Value): Pair[] {
  const pairs: Pair[] = [];
  for (let i = 0, all = list.children(); i < all.length; i++) {
    const one = all[i];
    if (!one.isArray() || one.count !== 2) continue;
    const pair = one.children();
    if (pair[0].isString() && pair[1].isString()) pairs.push(new Pair(pair[0].text(), pair[1].text()));
  }
  return pairs;
}

/** Returns `KEY=value;KEY=value`, the form of CNI_ARGS. */
export function joinArgs(pairs: Pair[]): Span {
  const out = new Writer();
  for (let i = 0; i < pairs.length; i++) {
    if (i > 0) out.byte(Char.Semicolon);
    out.span(pairs[i].key).byte(Char.Equals).span(pairs[i].value);
  }
  return out.take();
}
