// Which members an object has to have, and may have: of the documents that hosts give to operations, so that one that is
// missing or misspelt is an error and never a default.
import { Char, codeAt } from "../text/char";
import { ascii } from "../text/span";
import { say, Writer } from "../text/writer";
import { failOn, failOnKey } from "./place";
import { Value } from "./value";

const MEMBERS = "; its members are ";

/**
 * Tells whether `value` is an object of the members in `shape`, and no others; if not, with a fault that names the member.
 *
 * @param what names the object in messages
 * @param shape the members' names with a space between, at most 64, those that may be missing or null with `?` at their end
 */
export function hasShape(value: Value | null, what: string, shape: string, code: i32): bool {
  if (value === null || !value.isObject())
    return refused(code, say(what).text(": it must be an object"), shape, value);
  let present: u64 = 0;
  for (let member = value.first; member.exists; member = member.next) {
    const bit = bitOf(member, shape);
    if (bit === 0) {
      const why = say(what).text(": it has no member ").quote(member.key());
      failOnKey<Value>(code, why.text(MEMBERS).text(shape), member);
      return false;
    }
    if (member.isNull()) present &= ~bit;
    else present |= bit;
  }
  let bit: u64 = 1;
  for (let at = 0; at < shape.length; at = endOf(shape, at) + 1, bit <<= 1) {
    const end = endOf(shape, at);
    if ((present & bit) !== 0 || codeAt(shape, end - 1) === Char.QuestionMark) continue;
    const why = say(what).text(": `").span(ascii(shape).slice(at, end)).text("` is missing");
    return refused(code, why, shape, value);
  }
  return true;
}

/** Tells whether the member's name is among `names`, which have a space between. */
export function isAmong(member: Value, names: string): bool {
  return bitOf(member, names) !== 0;
}

/** Returns 1 << the position of the member's name in `shape`, 0 if it is not there. */
function bitOf(member: Value, shape: string): u64 {
  let bit: u64 = 1;
  for (let at = 0; at < shape.length; at = endOf(shape, at) + 1, bit <<= 1) {
    const end = endOf(shape, at);
    const isOptional = codeAt(shape, end - 1) === Char.QuestionMark;
    if (member.isNamedBy(shape, at, isOptional ? end - 1 : end)) return bit;
  }
  return 0;
}

/** Returns where the name at `from` ends. */
function endOf(shape: string, from: i32): i32 {
  let end = from;
  while (end < shape.length && codeAt(shape, end) !== Char.Space) end++;
  return end;
}

function refused(code: i32, why: Writer, shape: string, value: Value | null): bool {
  failOn<Value>(code, why.text(MEMBERS).text(shape), value);
  return false;
}
