// Holds the members of an object to a table of keys (tables.ts): which there may be, which there must be, and that there is
// none twice.
import { Value } from "../json/value";
import { Char, codeAt } from "../text/char";
import { Sorted } from "../text/sorted";
import { ascii, Span } from "../text/span";
import { say } from "../text/writer";
import { isFull, onKey, onValue, Severity } from "./findings";
import {
  distance,
  endOfToken,
  isMarked,
  isNear,
  isSameInCase,
  meant,
  nameAt,
  nextToken,
  tokenOf,
  tolerance,
} from "./suggest";
import { nested } from "./tables";
import { checkEmpty, checkScalar, shorten, wrongType } from "./types";

/** Who reads the object, and so what becomes of a key that is not written exactly. */
export const enum Reader {
  /** Plexus's core, which takes keys exactly. */
  Plexus,
  /** A plugin, whose decoder takes any case: Go's encoding/json. */
  Plugin,
}

/**
 * Checks the members of an object.
 *
 * @param own the table of its keys
 * @param shared a second one; empty if there is none
 * @param what names the object in messages
 */
export function checkMembers(object: Value, own: string, shared: string, what: Span, reader: Reader): void {
  for (let member = object.first; member.exists && !isFull(); member = member.next) {
    const key = member.key();
    let table = own;
    let token = tokenOf(own, key);
    if (token < 0) {
      table = shared;
      token = tokenOf(shared, key);
    }
    if (token < 0) unknown(member, key, own, shared, what, reader);
    else if (!member.isNull()) checkType(member, key, table, typeAt(table, token), reader);
  }
  for (let at = nextToken(own, 0); at < own.length; at = nextToken(own, endOfToken(own, at))) {
    if (!isMarked(own, at)) continue;
    const name = nameAt(own, at);
    if (has(object, name)) continue;
    missing(object, name, what, codeAt(own, at) === Char.Asterisk ? Severity.Error : Severity.Warning);
  }
}

/** Notes a key that an object must have. */
export function missing(object: Value, name: Span, what: Span, severity: Severity): void {
  onValue(
    "missing-key",
    severity,
    object,
    say("").span(what).text(" has no `").span(name).text("`"),
    say("add `").span(name).text("`"),
  );
}

/** Tells whether an object has a member that is, or is nearly, called `name`, and not null: one that is misspelt is noted as that. */
export function has(object: Value, name: Span): bool {
  for (let member = object.first; member.exists; member = member.next) {
    if (!member.isNull() && isNear(member.key(), name)) return true;
  }
  return false;
}

function unknown(member: Value, key: Span, own: string, shared: string, what: Span, reader: Reader): void {
  let best = meant(key, own);
  if (best.len === 0) best = meant(key, shared);
  const found = say("`").span(shorten(key)).text("` is not a key of ").span(what);
  if (best.len === 0) {
    onKey("unknown-key", Severity.Warning, member, found, say("remove it: it does nothing"));
    return;
  }
  // Another word for it may have been meant otherwise; a slip of the finger was not.
  const isSlip = distance(key, best, 4) <= max(1, tolerance(key));
  const isTaken = reader === Reader.Plugin && isSameInCase(key, best);
  const isNeeded = isRequired(best, own) || isRequired(best, shared);
  onKey(
    "unknown-key",
    isTaken || !(isSlip || isNeeded) ? Severity.Warning : Severity.Error,
    member,
    found,
    say("write `").span(best).text("`"),
  );
}

function isRequired(name: Span, table: string): bool {
  const token = tokenOf(table, name);
  return token >= 0 && codeAt(table, token) === Char.Asterisk;
}

/** Returns where the type begins of the key that begins at `token`. */
export function typeAt(table: string, token: i32): i32 {
  let at = token;
  while (codeAt(table, at) !== Char.Colon) at++;
  return at + 1;
}

/** Checks a value against the type at `at` of a table. `name` is the key that it belongs to. */
export function checkType(value: Value, name: Span, table: string, at: i32, reader: Reader): void {
  const type = codeAt(table, at);
  if (type === Char.OpenBracket) checkList(value, name, table, at + 1, reader);
  else if (type === Char.OpenBrace) checkNested(value, name, table, at + 1, reader);
  else checkScalar(value, name, table, at);
}

function checkList(value: Value, name: Span, table: string, at: i32, reader: Reader): void {
  if (!value.isArray()) {
    wrongType(
      value,
      name,
      codeAt(table, at) === Char.OpenBrace || codeAt(table, at) === 0x6f
        ? "a list of objects"
        : "a list of strings",
    );
    return;
  }
  for (let item = value.first; item.exists && !isFull(); item = item.next) {
    checkType(item, name, table, at, reader);
    // For a plugin, as for Go, an empty text is no address; Plexus's core refuses it.
    if (reader === Reader.Plexus && item.isString() && !item.isFilled()) checkEmpty(item, name, table, at);
  }
}

function checkNested(value: Value, name: Span, table: string, at: i32, reader: Reader): void {
  if (!value.isObject()) {
    wrongType(value, name, "an object");
    return;
  }
  const keys = nested(ascii(table).slice(at, endOfToken(table, at)));
  checkMembers(value, keys, "", say("`").span(name).text("`").take(), reader);
}

/** Notes keys that an object below `value` has twice: the last one counts. */
export function checkRepeated(value: Value): void {
  if (value.isObject() && value.count > 1) {
    const keys = Sorted.of(value.count);
    for (let member = value.first; member.exists; member = member.next) keys.add(member.key());
    keys.sort();
    let repeats = false;
    for (let rank = 1; rank < keys.length; rank++) repeats = repeats || keys.repeats(rank);
    if (repeats) noteRepeated(value, keys);
  }
  for (let child = value.first; child.exists && !isFull(); child = child.next) {
    if (child.first.exists) checkRepeated(child);
  }
}

function noteRepeated(object: Value, keys: Sorted): void {
  let number = 0;
  for (let member = object.first; member.exists && !isFull(); member = member.next) {
    const rank = keys.lastOf(member.key());
    if (rank >= 0 && keys.numberAt(rank) !== number++) {
      onKey(
        "repeated-key",
        Severity.Warning,
        member,
        say("`").span(shorten(member.key())).text("` is there twice, and the last one counts"),
        say("remove this one, or the other"),
      );
    }
  }
}
