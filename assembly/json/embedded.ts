// Documents inside documents: JSON that a host must not touch travels as text in a string.
import { Code } from "../fault";
import { say } from "../text/writer";
import { parse } from "./parse";
import { failOn } from "./place";
import { Value } from "./value";

/** Reads the document that is text in the member `name` of another; null if that is absent, or with a fault. */
export function embedded(input: Value, name: string): Value | null {
  const text = input.present(name);
  if (text === null) return null;
  if (!text.isString()) {
    return failOn<Value>(Code.DecodeFailure, say("`").text(name).text("` must be JSON in a string"), text);
  }
  return parse(text.text(), say("`").text(name).text("`"), text);
}

/** Tells whether `document`, which `embedded` read from the member `name`, is an object, or the member absent; if not, with a fault. */
export function isObjectOrAbsent(document: Value | null, input: Value, name: string): bool {
  if (document === null) return input.present(name) === null;
  if (document.isObject()) return true;
  failOn<Value>(
    Code.InvalidNetworkConfig,
    say("`").text(name).text("` must be a JSON object in a string"),
    input.present(name),
  );
  return false;
}
