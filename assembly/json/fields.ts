// Reads members of a known type from an object that somebody else wrote.
import { ascii, Span } from "../text/span";
import { about, Writer } from "../text/writer";
import { failOn } from "./place";
import { isTrue, memberOf, Value } from "./value";

/** Reads fields of one object, which may be absent; a field of the wrong type is a fault that names it. */
@unmanaged
export class Fields {
  constructor(
    private readonly object: Value | null,
    private readonly what: Span,
    private readonly code: i32,
  ) {}

  /** Returns the text of a string field, `fallback` if it is absent, or null with a fault. */
  text(name: string, fallback: Span): Span | null {
    const value = memberOf(this.object, name);
    if (value === null) return fallback;
    return value.isString() ? value.text() : this.wrong<Span>(name, "a string");
  }

  /** Tells whether a field is absent or a string; if not, with a fault. */
  isText(name: string): bool {
    const value = memberOf(this.object, name);
    if (value === null || value.isString()) return true;
    this.wrong<Value>(name, "a string");
    return false;
  }

  /** Returns one of two words, `usual` if the field is absent, or null with a fault. */
  choice(name: string, usual: string, other: string): Span | null {
    const word = this.text(name, ascii(usual));
    if (word === null || word.is(usual) || word.is(other)) return word;
    return this.refused<Span>(name, this.must(name).quote(ascii(usual)).text(" or ").quote(ascii(other)));
  }

  /** Returns 1 or 0, `fallback` if the field is absent, or -1 with a fault. */
  bool(name: string, fallback: i32): i32 {
    const value = memberOf(this.object, name);
    if (value === null) return fallback;
    if (value.isBool()) return isTrue(value) ? 1 : 0;
    this.wrong<Value>(name, "true or false");
    return -1;
  }

  /** Returns a number from 0 to `limit`, `fallback` if the field is absent, or -1 with a fault. */
  count(name: string, fallback: i64, limit: i64): i64 {
    const value = memberOf(this.object, name);
    if (value === null) return fallback;
    if (value.isInteger() && value.integer() >= 0 && value.integer() <= limit) return value.integer();
    this.refused<Value>(name, this.must(name).text("a whole number from 0 to ").int(limit));
    return -1;
  }

  /** Tells whether a field is absent or a list whose items are all strings; if not, with a fault. */
  areTexts(name: string): bool {
    const value = memberOf(this.object, name);
    if (value === null || value.isListOfStrings()) return true;
    this.wrong<Value>(name, "a list of strings");
    return false;
  }

  /** Records that `name` is not `expected`, and returns null. */
  wrong<T>(name: string, expected: string): T | null {
    return this.refused<T>(name, this.must(name).text(expected));
  }

  /** Records what is wrong with the member `name`, and returns null. */
  refused<T>(name: string, why: Writer): T | null {
    const value = memberOf(this.object, name);
    return failOn<T>(this.code, why, value === null ? this.object : value);
  }

  private must(name: string): Writer {
    return about(this.what).text("`").text(name).text("` must be ");
  }
}
