// JSON pointers (RFC 6901), from addresses in a text.
import { Char } from "../text/char";
import { Span } from "../text/span";
import { Writer } from "../text/writer";
import { Value } from "./value";

/** Returns the JSON pointer of what stands at `at` below `root`; empty if that is the root, or not JSON. */
export function pointerTo(root: Value | null, at: usize): Span {
  const out = new Writer();
  let value = root;
  while (value !== null) {
    const isObject = value.isObject();
    let index = 0;
    let found: Value | null = null;
    for (let child = value.first; child.exists && found === null; child = child.next, index++) {
      const start = isObject ? child.keyStart - 1 : child.start;
      if (at < start) break;
      if (at < child.end) found = child;
    }
    if (found === null) break;
    out.byte(Char.Slash);
    if (isObject) writeToken(out, found.key());
    else out.int(index - 1);
    if (at < found.start) break; // in the key
    value = found;
  }
  return out.take();
}

function writeToken(out: Writer, key: Span): void {
  for (let i = 0; i < key.len; i++) {
    const c = key.at(i);
    if (c === Char.Tilde) out.text("~0");
    else if (c === Char.Slash) out.text("~1");
    else out.byte(c);
  }
}
