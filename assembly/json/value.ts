// A parsed JSON value: a tree of positions in the source text, and the changes to be made to it.
//
// How it works. The parser checks the text once and makes one Value of each value in it. A Value does not hold what the
// text says, but where: `start` and `end` are addresses in the text, and of a member `keyStart` and `keyEnd` too. An
// array or object links to its `first` child, each child to the `next`. Strings are unescaped and numbers read only when
// somebody asks (`text`, `integer`), so what nobody asks about cannot be changed by reading it: integers above 2^53, the
// spelling of numbers, escapes, spaces, key order and repeated keys all stay. A change is noted beside the text:
// `replace` keeps the JSON that takes a value's place, `append` and `set` the JSON to add at the end of an array or
// object. `print` walks the tree once with a cursor in the text: it copies all up to the next change, writes the
// change, moves the cursor behind the text that it replaces, and copies the rest at the end. Without changes it is one copy.
// `source` is the text as it was parsed, without any change.
import { Char, isDigit } from "../text/char";
import { ascii, Span } from "../text/span";
import { decodeString } from "../text/string";
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

/** Returns the items of `value`, none if it is absent. */
export function itemsOf(value: Value | null): Value[] {
  return value === null ? [] : value.children();
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

export class Value {
  /** The next value of the same array or object. */
  next: Value | null = null;
  first: Value | null = null;
  /** Number of items or members. */
  count: i32 = 0;
  /** The key's text between its quotes, still escaped, when this is a member. */
  keyStart: usize = 0;
  keyEnd: usize = 0;
  end: usize = 0;
  private replacement: Span | null = null;
  private appended: Writer | null = null;

  constructor(
    readonly kind: Kind,
    readonly start: usize,
  ) {}

  /** Returns the text that this value was parsed from. */
  source(): Span {
    return new Span(this.start, <i32>(this.end - this.start));
  }

  /** Returns the key, unescaped. */
  key(): Span {
    return decodeString(new Span(this.keyStart, <i32>(this.keyEnd - this.keyStart)));
  }

  /** Returns the items of an array or the members of an object, in order. */
  children(): Value[] {
    const all = new Array<Value>(this.count);
    let child = this.first;
    let i = 0;
    while (child !== null) {
      all[i++] = child;
      child = child.next;
    }
    return all;
  }

  private keyIs(name: string): bool {
    const length = <i32>(this.keyEnd - this.keyStart);
    const raw = new Span(this.keyStart, length);
    if (raw.is(name)) return true;
    return raw.indexOf(Char.Backslash) >= 0 && decodeString(raw).is(name);
  }

  /** Returns the member `name`; of duplicates the last, as Go's decoder and so every plugin takes it. */
  get(name: string): Value | null {
    if (this.kind !== Kind.Object) return null;
    let found: Value | null = null;
    for (let i = 0, all = this.children(); i < all.length; i++) {
      const member = all[i];
      if (member.keyIs(name)) found = member;
    }
    return found;
  }

  /** Returns the member `name` as `get` does, with null counted as absent. */
  present(name: string): Value | null {
    const member = this.get(name);
    return member !== null && member.kind === Kind.Null ? null : member;
  }

  isString(): bool {
    return this.kind === Kind.String;
  }

  isObject(): bool {
    return this.kind === Kind.Object;
  }

  isArray(): bool {
    return this.kind === Kind.Array;
  }

  isBool(): bool {
    return this.kind === Kind.True || this.kind === Kind.False;
  }

  /** Returns the text of a string value, unescaped. Lone surrogates become U+FFFD. */
  text(): Span {
    return decodeString(new Span(this.start + 1, <i32>(this.end - this.start) - 2));
  }

  /** Tells whether this is a number written as an integer of at most 18 digits. */
  isInteger(): bool {
    if (this.kind !== Kind.Number) return false;
    const text = this.source();
    const from = text.at(0) === Char.Minus ? 1 : 0;
    if (text.len - from > 18) return false;
    for (let i = from; i < text.len; i++) {
      if (!isDigit(text.at(i))) return false;
    }
    return true;
  }

  /** Returns the value of a number for which `isInteger` holds. */
  integer(): i64 {
    const text = this.source();
    const negative = text.at(0) === Char.Minus;
    let value: i64 = 0;
    for (let i = negative ? 1 : 0; i < text.len; i++) value = value * 10 + (text.at(i) - Char._0);
    return negative ? -value : value;
  }

  /** Puts `json` in the place of this value when the tree is printed. */
  replace(json: Span): void {
    this.replacement = json;
  }

  /** Sets a member of an object: every duplicate of the key, or a new member at the end. */
  set(name: string, json: Span): void {
    let there = false;
    for (let i = 0, all = this.children(); i < all.length; i++) {
      const member = all[i];
      if (!member.keyIs(name)) continue;
      member.replace(json);
      there = true;
    }
    if (!there) this.added().key(name).json(json);
  }

  /** Sets a member as `set` does, with a foreign key. */
  setSpan(name: Span, json: Span): void {
    let there = false;
    for (let i = 0, all = this.children(); i < all.length; i++) {
      const member = all[i];
      if (!member.key().equals(name)) continue;
      member.replace(json);
      there = true;
    }
    if (!there) this.added().keySpan(name).json(json);
  }

  /** Adds an item at the end of an array. */
  append(json: Span): void {
    this.added().json(json);
  }

  /** Returns the text with every change spliced in; the rest is copied byte for byte. */
  print(): Span {
    const out = new Writer();
    const from = this.splice(out, this.start);
    return out.span(new Span(from, <i32>(this.end - from))).take();
  }

  private added(): Writer {
    let out = this.appended;
    if (out === null) {
      out = new Writer();
      this.appended = out;
    }
    return out;
  }

  /** Writes the text before each change below, and the change. Returns where the source goes on. */
  private splice(out: Writer, cursor: usize): usize {
    let from = cursor;
    const replacement = this.replacement;
    if (replacement !== null) {
      out.span(new Span(from, <i32>(this.start - from))).span(replacement);
      return this.end;
    }
    let last: Value | null = null;
    for (let i = 0, all = this.children(); i < all.length; i++) {
      const child = all[i];
      from = child.splice(out, from);
      last = child;
    }
    const appended = this.appended;
    if (appended !== null) {
      const at = last === null ? this.start + 1 : last.end;
      out.span(new Span(from, <i32>(at - from)));
      if (last !== null) out.byte(Char.Comma);
      out.span(appended.take());
      from = at;
    }
    return from;
  }
}
