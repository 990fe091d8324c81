// A parsed JSON value: a tree of positions in the source text, and the changes to be made to it.
//
// How it works. The parser checks the text once and makes one Value of each value in it, 32 bytes each. A Value does not
// hold what the text says, but where: `start` and `end` are addresses in the text, and of a member `keyStart` too. An array
// or object links to its `first` child, each child to the `next`; who looks for something walks along these links, and
// allocates nothing. Strings are unescaped and numbers read only when somebody asks (`text`, `integer`), so what nobody asks
// about cannot be changed by reading it: integers above 2^53, the spelling of numbers, escapes, spaces, key order and
// repeated keys all stay. A change is noted beside the text: `replace` keeps the JSON that takes a value's place, `append`
// and `set` the JSON to add at the end of an array or object. `print` walks the tree once with a cursor in the text: it
// copies all up to the next change, writes the change, moves the cursor behind the text that it replaces, and copies the
// rest at the end. Without changes the text itself is what it gives. `source` is the text as it was parsed, without any
// change.
import { isExhausted } from "../text/arena";
import { Char, isDigit } from "../text/char";
import { ascii, Span } from "../text/span";
import { decodeString, decodesTo } from "../text/string";
import { Writer } from "../text/writer";

export const enum Kind {
  Null,
  False,
  True,
  Number,
  String,
  Array,
  Object,
}

/** Returns the first item or member of `value`; one that does not exist if it has none. */
export function firstOf(value: Value | null): Value {
  return value === null ? changetype<Value>(0) : value.first;
}

/** Returns the member `name` of `object`, if both are there. */
export function memberOf(object: Value | null, name: string): Value | null {
  return object === null ? (null as Value | null) : object.present(name);
}

/** The text of the member `name` of `object`; empty if it is not a string there. */
export function textOf(object: Value | null, name: string): Span {
  const value = memberOf(object, name);
  return value !== null && value.isString() ? value.text() : ascii("");
}

/** Copies the member `name`, if `from` has it. */
export function copy(out: Writer, from: Value, name: string): void {
  const value = from.present(name);
  if (value !== null) out.key(name).json(value.source());
}

/** Tells whether `value` is there and true. */
export function isTrue(value: Value | null): bool {
  return value !== null && value.kind === Kind.True;
}

/** What takes the place of a value, and what is added at its end. */
@unmanaged
class Changes {
  replacement: Span | null = null;
  appended: Writer | null = null;
}

/** A value in a text. Unmanaged: without a header of 20 bytes, and to be placed by the parser. */
@unmanaged
export class Value {
  /** The next value of the same array or object; one that does not exist behind the last. */
  next: Value;
  first: Value;
  /** Number of items or members. */
  count: i32;
  start: usize;
  end: usize;
  /** The key's text between its quotes, still escaped, when this is a member. */
  keyStart: usize;
  keyLength: i32;
  private changes: Changes | null;

  /**
   * Tells whether this is a value, and not what stands behind the last one: for loops along `next`, as AssemblyScript takes
   * no null in the last part of a `for`. When memory is used up nothing exists, so that they end.
   */
  @inline
  get exists(): bool {
    return changetype<usize>(this) !== 0 && !isExhausted();
  }

  get kind(): Kind {
    switch (<i32>load<u8>(this.start)) {
      case Char.OpenBrace:
        return Kind.Object;
      case Char.OpenBracket:
        return Kind.Array;
      case Char.Quote:
        return Kind.String;
      case Char.t:
        return Kind.True;
      case Char.f:
        return Kind.False;
      case Char.n:
        return Kind.Null;
      default:
        return Kind.Number;
    }
  }

  /** Returns the text that this value was parsed from. */
  source(): Span {
    return new Span(this.start, <i32>(this.end - this.start));
  }

  /** Returns the key, unescaped. */
  key(): Span {
    return decodeString(new Span(this.keyStart, this.keyLength));
  }

  /** Tells whether this is the member `name`. */
  isNamed(name: string): bool {
    return this.isNamedBy(name, 0, name.length);
  }

  /** Tells whether this is the member that the characters from `from` to before `to` of `names` name. */
  isNamedBy(names: string, from: i32, to: i32): bool {
    return decodesTo(this.keyStart, this.keyLength, names, from, to);
  }

  /** Returns the member `name`; of duplicates the last, as Go's decoder and so every plugin takes it. */
  get(name: string): Value | null {
    if (!this.isObject()) return null;
    let found: Value | null = null;
    for (let member = this.first; member.exists; member = member.next) {
      if (member.isNamed(name)) found = member;
    }
    return found;
  }

  /** Returns the member `name` as `get` does, with null counted as absent. */
  present(name: string): Value | null {
    const member = this.get(name);
    return member !== null && member.isNull() ? null : member;
  }

  isNull(): bool {
    return load<u8>(this.start) === Char.n;
  }

  isString(): bool {
    return load<u8>(this.start) === Char.Quote;
  }

  isObject(): bool {
    return load<u8>(this.start) === Char.OpenBrace;
  }

  isArray(): bool {
    return load<u8>(this.start) === Char.OpenBracket;
  }

  isListOfStrings(): bool {
    let fine = this.isArray();
    for (let item = this.first; fine && item.exists; item = item.next) fine = item.isString();
    return fine;
  }

  isBool(): bool {
    const kind = this.kind;
    return kind === Kind.True || kind === Kind.False;
  }

  /** Tells whether this is a string of at least one character. */
  isFilled(): bool {
    return this.isString() && this.end - this.start > 2;
  }

  /** Returns the text of a string value, unescaped; nothing if it is none. Lone surrogates become U+FFFD. */
  text(): Span {
    if (!this.isString()) return ascii("");
    return decodeString(new Span(this.start + 1, <i32>(this.end - this.start) - 2));
  }

  /** Tells whether this is a number written as an integer of at most 18 digits. */
  isInteger(): bool {
    if (this.kind !== Kind.Number) return false;
    const from = load<u8>(this.start) === Char.Minus ? this.start + 1 : this.start;
    if (this.end - from > 18) return false;
    for (let at = from; at < this.end; at++) {
      if (!isDigit(load<u8>(at))) return false;
    }
    return true;
  }

  /** Returns the value of a number for which `isInteger` holds. */
  integer(): i64 {
    const negative = load<u8>(this.start) === Char.Minus;
    let value: i64 = 0;
    for (let at = negative ? this.start + 1 : this.start; at < this.end; at++) {
      value = value * 10 + (load<u8>(at) - Char._0);
    }
    return negative ? -value : value;
  }

  /** Puts `json` in the place of this value when the tree is printed. */
  replace(json: Span): void {
    this.changed().replacement = json;
  }

  /** Sets a member of an object, or adds it at the end. Of duplicates the last counts (`get`); the others become null. */
  set(name: string, json: Span): void {
    let last: Value | null = null;
    for (let member = this.first; member.exists; member = member.next) {
      if (!member.isNamed(name)) continue;
      if (last !== null) last.replace(ascii("null"));
      last = member;
    }
    if (last === null) this.added().key(name).json(json);
    else last.replace(json);
  }

  /** Adds a member, with a foreign key that the object does not have. */
  add(name: Span, json: Span): void {
    this.added().keySpan(name).json(json);
  }

  /** Adds an item at the end of an array. */
  append(json: Span): void {
    this.added().json(json);
  }

  /** Returns the text with every change spliced in; the rest is copied byte for byte. */
  print(): Span {
    const out = new Writer();
    const from = this.splice(out, this.start);
    if (from === this.start) return this.source(); // no change is there
    return out.bytes(from, <i32>(this.end - from)).take();
  }

  private changed(): Changes {
    let changes = this.changes;
    if (changes === null) {
      changes = new Changes();
      this.changes = changes;
    }
    return changes;
  }

  private added(): Writer {
    const changes = this.changed();
    let out = changes.appended;
    if (out === null) {
      out = new Writer();
      changes.appended = out;
    }
    return out;
  }

  /** Writes the text before each change below, and the change. Returns where the source goes on. */
  private splice(out: Writer, cursor: usize): usize {
    let from = cursor;
    const changes = this.changes;
    const replacement = changes === null ? (null as Span | null) : changes.replacement;
    if (replacement !== null) {
      out.bytes(from, <i32>(this.start - from)).span(replacement);
      return this.end;
    }
    let last: Value | null = null;
    for (let child = this.first; child.exists; child = child.next) {
      from = child.splice(out, from);
      last = child;
    }
    const appended = changes === null ? (null as Writer | null) : changes.appended;
    if (appended !== null) {
      const at = last === null ? this.start + 1 : last.end;
      out.bytes(from, <i32>(at - from));
      if (last !== null) out.byte(Char.Comma);
      out.span(appended.take());
      from = at;
    }
    return from;
  }
}
