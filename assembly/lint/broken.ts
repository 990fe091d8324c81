// Texts that are not JSON: what is wrong with them, and what to do about it.

import { forgive } from "../fault";
import { parse, parseFaultAt, parseFaultWhy } from "../json/parse";
import { Value } from "../json/value";
import { isExhausted } from "../text/arena";
import { Char, isDigit, lower } from "../text/char";
import { ascii } from "../text/span";
import { say, Writer } from "../text/writer";
import { report, Severity } from "./findings";
import { checkRepeated } from "./members";
import { Text } from "./texts";

const SINGLE_QUOTE = 0x27;
const HASH = 0x23;

/** Parses a text, and notes what is wrong with it as JSON: null if it is not. */
export function parseText(text: Text): Value | null {
  const root = parse(text.span, say("it"));
  if (root !== null) {
    text.root = root;
    checkRepeated(root);
    return root;
  }
  forgive();
  if (!isExhausted()) noteFault(text); // else there is no fault: memory was refused
  return null;
}

function noteFault(text: Text): void {
  const at = parseFaultAt();
  const end = text.span.end();
  const why = ascii(parseFaultWhy());
  if (why.startsWith("more than")) {
    const found = say("these documents have ").span(why).text(" in all");
    report("out-of-range", Severity.Error, at, min(at + 1, end), found, say("give fewer of them at once"));
    return;
  }
  if (why.startsWith("nested")) {
    const found = say("it is ").span(why);
    report("out-of-range", Severity.Error, at, min(at + 1, end), found, say("make it flatter"));
    return;
  }
  const c = at < end ? <i32>load<u8>(at) : -1;
  const before = lastBefore(text, at);
  const previous = before >= text.span.ptr ? <i32>load<u8>(before) : -1;
  if ((c === Char.CloseBrace || c === Char.CloseBracket) && previous === Char.Comma) {
    report(
      "trailing-comma",
      Severity.Error,
      before,
      before + 1,
      say("there is a comma, and nothing behind it"),
      say("remove it"),
    );
    return;
  }
  const found = say("it is not valid JSON: ").span(why);
  report("invalid-json", Severity.Error, at, min(at + 1, end), found, remedy(at, c));
}

function remedy(at: usize, c: i32): Writer {
  const why = ascii(parseFaultWhy());
  if (c === SINGLE_QUOTE) return say('use double quotes: "');
  if (c === 0xe2 && load<u8>(at, 1) === 0x80) return say('use plain double quotes: "');
  if (c === 0xef && load<u8>(at, 1) === 0xbb)
    return say("save it without the byte order mark that it begins with");
  if (c === HASH || c === Char.Slash) return say("remove the comment: JSON has none");
  if (why.startsWith("expected , or") && (c === Char.Quote || c === Char.OpenBrace || c === Char.OpenBracket))
    return say("add a comma before it");
  if (why.is("expected , or }") && c === Char.CloseBracket) return say("add } before it");
  if (why.is("expected , or ]") && c === Char.CloseBrace) return say("add ] before it");
  if (why.startsWith("expected , or") && isDigit(<i32>load<u8>(at - 1)) && (isDigit(c) || isLetter(c)))
    return say("write the number in decimal, without zeros before it");
  if (c === Char.OpenBrace) return say("fill in the template: {{ is not JSON");
  if (why.startsWith("expected , or") && c < 0) return say("close what is open: add } or ] at the end");
  if (why.is("unexpected end") || why.is("the string has no end")) return say("the end is missing: add it");
  if (why.startsWith("expected a key") && c < 0) return say("the end is missing: add it");
  if (why.startsWith("expected a key") && isLetter(c)) return say("put the key in double quotes");
  if (why.startsWith("expected :")) return say("put a : between the key and its value");
  if (why.startsWith("unexpected text")) return say("remove it, or what closes the value too early");
  if (why.startsWith("expected a value") && isLetter(c))
    return say("put it in double quotes; or write true, false or null, in lower case");
  if (why.is("invalid UTF-8")) return say("save it as UTF-8");
  if (why.startsWith("a control")) return say("close the string on its line, or write \\n");
  if (why.is("it is empty")) return say("write it, or remove it");
  return say("correct it");
}

/** Returns where the last character stands before `at` that is not white space. */
function lastBefore(text: Text, at: usize): usize {
  let before = at - 1;
  while (before >= text.span.ptr && <i32>load<u8>(before) <= Char.Space) before--;
  return before;
}

function isLetter(c: i32): bool {
  return lower(c) >= Char.a && lower(c) <= Char.z;
}
