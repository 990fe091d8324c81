// Holds values to the types of tables.ts.
import { cidrFamily, Family, GUID_RULE, ipFamily, isGuid, isMac, MAC_RULE } from "../cni/address";
import { DEVICE_RULE, INTERFACE_RULE, isDeviceId, isInterfaceName } from "../cni/names";
import { Kind, Value } from "../json/value";
import { Char, codeAt, isDigit } from "../text/char";
import { ascii, Span } from "../text/span";
import { say, Writer } from "../text/writer";
import { isFull, onKey, onValue, Severity } from "./findings";
import { checkDevice, checkHostInterface } from "./known";
import { endOfToken, isSameInCase, meant, tokenOf } from "./suggest";
import { CAPABILITIES } from "./tables";

/** Checks a value against the type at `at` of a table, if that is neither a list nor has keys of its own. */
export function checkScalar(value: Value, name: Span, table: string, at: i32): void {
  const type = codeAt(table, at);
  if (type === 0x78) return; // x
  if (type === 0x69)
    checkInteger(value, name, table, at + 1); // i
  else if (type === Char.n) expect(value.kind === Kind.Number, value, name, "a number");
  else if (type === Char.b) expect(value.isBool(), value, name, "true or false");
  else if (type === Char.f) expect(value.isBool() || isFlag(value), value, name, "true or false");
  else if (type === 0x6f)
    expect(value.isObject(), value, name, "an object"); // o
  else if (type === 0x6d)
    checkTexts(value, name); // m
  else if (type === 0x63)
    checkCapabilities(value, name); // c
  else if (
    type === Char.Equals ||
    type === Char.Tilde ||
    type === Char.Exclamation ||
    type === Char.QuestionMark
  )
    checkChoice(value, name, table, at);
  else if (!value.isString()) wrongType(value, name, "a string");
  else if (value.isFilled()) checkText(value, name, type);
}

function expect(fine: bool, value: Value, name: Span, expected: string): void {
  if (!fine) wrongType(value, name, expected);
}

/** Notes that a value is not `expected`. */
export function wrongType(value: Value, name: Span, expected: string): void {
  const found = say("`")
    .span(shorten(name))
    .text("` is ")
    .text(kindOf(value))
    .text(", and must be ")
    .text(expected);
  onValue("wrong-type", Severity.Error, value, found, remedyFor(value, name, expected));
}

function remedyFor(value: Value, name: Span, expected: string): Writer {
  const e = ascii(expected);
  if (e.startsWith("a list") && value.isObject()) return say("put it in brackets: [{...}]");
  if (e.startsWith("a list") && !value.isArray())
    return say("write [").span(shorten(value.source())).byte(Char.CloseBracket);
  if (value.isString() && (e.startsWith("a whole") || e.startsWith("a number")) && isNumber(value.text()))
    return say("write ").span(value.text()).text(" without quotes");
  if (value.isString() && e.is("true or false")) return say("write true or false, without quotes");
  if (e.startsWith("a string") && !value.isArray() && !value.isObject())
    return say("write it in quotes: ").quote(value.source());
  return say("make `").span(shorten(name)).text("` ").text(expected);
}

export function kindOf(value: Value): string {
  switch (value.kind) {
    case Kind.Null:
      return "null";
    case Kind.Number:
      return "a number";
    case Kind.String:
      return "a string";
    case Kind.Array:
      return "a list";
    case Kind.Object:
      return "an object";
    default:
      return "a boolean";
  }
}

/** Checks a whole number: `at` is where its limits begin, as in 0-4094 or 0-. */
function checkInteger(value: Value, name: Span, table: string, at: i32): void {
  if (!value.isInteger()) {
    wrongType(value, name, "a whole number");
    return;
  }
  const end = endOfToken(table, at);
  if (at === end) return;
  let low: i64 = 0;
  let next = at;
  for (; codeAt(table, next) !== Char.Minus; next++) low = low * 10 + (codeAt(table, next) - Char._0);
  let high: i64 = 0;
  for (next++; next < end; next++) high = high * 10 + (codeAt(table, next) - Char._0);
  const number = value.integer();
  if (number >= low && (high === 0 || number <= high)) return;
  const remedy = say("write a number from ").int(low);
  if (high > 0) remedy.text(" to ").int(high);
  else remedy.text(" on");
  onValue("out-of-range", Severity.Error, value, say("`").span(name).text("` is ").int(number), remedy);
}

function checkTexts(value: Value, name: Span): void {
  if (!value.isObject()) {
    wrongType(value, name, "an object of strings");
    return;
  }
  for (let one = value.first; one.exists && !isFull(); one = one.next) {
    if (!one.isString()) wrongType(one, one.key(), "a string");
  }
}

function checkCapabilities(value: Value, name: Span): void {
  if (!value.isObject()) {
    wrongType(value, name, "an object of booleans");
    return;
  }
  for (let one = value.first; one.exists && !isFull(); one = one.next) {
    const key = one.key();
    const best = tokenOf(CAPABILITIES, key) >= 0 ? key : meant(key, CAPABILITIES);
    if (best.len > 0 && !best.equals(key)) {
      const found = say("`").span(key).text("` is not a capability that Plexus knows");
      onKey("unknown-key", Severity.Error, one, found, say("write `").span(best).text("`"));
    } else if (!one.isBool()) {
      wrongType(one, key, "true or false");
    }
  }
}

function checkChoice(value: Value, name: Span, table: string, at: i32): void {
  const words = ascii(table).slice(at + 1, endOfToken(table, at));
  const type = codeAt(table, at);
  const anyCase = type === Char.Tilde || type === Char.QuestionMark;
  if (!value.isString()) {
    const found = say("`")
      .span(name)
      .text("` is ")
      .text(kindOf(value))
      .text(", and must be one of ")
      .span(listed(words));
    onValue("wrong-type", Severity.Error, value, found, say("write it in quotes"));
    return;
  }
  const text = value.text();
  if (text.len === 0 && type !== Char.Exclamation) return;
  for (let from = 0; from <= words.len; ) {
    const bar = words.indexOf(Char.Bar, from);
    const to = bar < 0 ? words.len : bar;
    const word = words.slice(from, to);
    if (anyCase ? isSameInCase(word, text) : word.equals(text)) return;
    from = to + 1;
  }
  const found = say("`").span(name).text("` is ").quote(text);
  const severity = type === Char.QuestionMark ? Severity.Warning : Severity.Error;
  onValue("bad-value", severity, value, found, say("write one of ").span(listed(words)));
}

/** Returns words with `|` between as a list. */
function listed(words: Span): Span {
  const out = new Writer();
  for (let i = 0; i < words.len; i++) {
    if (words.at(i) === Char.Bar) out.text(", ");
    else out.byte(words.at(i));
  }
  return out.take();
}

/** Notes an item of a list that is empty and must be an address. */
export function checkEmpty(value: Value, name: Span, table: string, at: i32): void {
  const type = codeAt(table, at);
  if (type === Char.A || type === 0x49) checkText(value, name, type);
}

/** Checks a string that is not empty. */
function checkText(value: Value, name: Span, type: i32): void {
  const text = value.text();
  switch (type) {
    case Char.A:
      if (ipFamily(text) === Family.None && cidrFamily(text) === Family.None)
        bad(value, "bad-address", name, text, "write an IP address, such as 10.0.0.5 or 10.0.0.5/24");
      return;
    case 0x49: // I
      if (ipFamily(text) === Family.None) badAddress(value, name, text, false);
      return;
    case 0x43: // C
      if (cidrFamily(text) === Family.None) badAddress(value, name, text, true);
      return;
    case 0x4d: // M
      if (!isMac(text)) bad(value, "bad-mac", name, text, MAC_RULE);
      return;
    case 0x47: // G
      if (!isGuid(text)) bad(value, "bad-mac", name, text, GUID_RULE);
      return;
    case 0x46: // F
      checkInterface(value, name, text);
      return;
    case 0x48: // H
      if (checkInterface(value, name, text)) checkHostInterface(value, name, text);
      return;
    case 0x50: // P
      if (text.at(0) !== Char.Slash)
        bad(value, "bad-value", name, text, "write it from / on: each call may be made in another directory");
      return;
    case 0x44: // D
      if (!isDeviceId(text)) bad(value, "bad-name", name, text, DEVICE_RULE);
      else checkDevice(value, name, text);
  }
}

function checkInterface(value: Value, name: Span, text: Span): bool {
  if (isInterfaceName(text)) return true;
  const found = say("`").span(name).text("` is ").quote(text);
  if (text.len > 15) found.text(", ").int(text.len).text(" bytes");
  onValue("bad-interface-name", Severity.Error, value, found, say("it ").text(INTERFACE_RULE));
  return false;
}

function badAddress(value: Value, name: Span, text: Span, isPrefix: bool): void {
  if (isPrefix && ipFamily(text) !== Family.None)
    return bad(value, "bad-address", name, text, "add the prefix length, such as /24");
  if (!isPrefix && cidrFamily(text) !== Family.None)
    return bad(value, "bad-address", name, text, "write the address without the prefix length");
  bad(
    value,
    "bad-address",
    name,
    text,
    isPrefix
      ? "write an address with its prefix length, such as 10.0.0.0/24"
      : "write an IP address, such as 10.0.0.1",
  );
}

/** Notes a text that breaks a rule. */
export function bad(value: Value, rule: string, name: Span, text: Span, remedy: string): void {
  const advice = ascii(remedy).startsWith("must") ? say("it ").text(remedy) : say(remedy);
  onValue(rule, Severity.Error, value, say("`").span(shorten(name)).text("` is ").quote(text), advice);
}

function isFlag(value: Value): bool {
  if (!value.isString()) return false;
  const text = value.text();
  return isSameInCase(text, ascii("true")) || isSameInCase(text, ascii("false"));
}

function isNumber(text: Span): bool {
  for (let i = 0; i < text.len; i++) if (!isDigit(text.at(i))) return false;
  return text.len > 0 && text.len < 19;
}

/** Returns foreign text as a message shows it. */
export function shorten(text: Span): Span {
  return text.len <= 60 ? text : say("").span(cut(text, 57)).text("...").take();
}

function cut(text: Span, length: i32): Span {
  let shown = length;
  while (shown > 0 && (text.at(shown) & 0xc0) === 0x80) shown--;
  return text.slice(0, shown);
}
