// Is what is to be kept of a container small enough for whoever reads it: recover, invoke, status, a host's frames?
//
// How it works: all that is kept of an attachment is in its delegate as `plan` gives it and in the scratch file, but for its
// result. So one bound on both, `plan`'s answer, bounds all that is made of them later: a document for `recover` has the scratch
// file once and each conf once more, one for `invoke` or `status` the delegates and their results. The host bounds the results.
import { Delegate } from "../delegate/delegate";
import { Code, fail } from "../fault";
import { failOn } from "../json/place";
import { Value } from "../json/value";
import { isExhausted, MAX_INPUT_BYTES } from "../text/arena";
import { Char } from "../text/char";
import { List } from "../text/list";
import { Span } from "../text/span";
import { plainEnd } from "../text/string";
import { say, Writer } from "../text/writer";

/**
 * Of a plan's answer. A document of `recover` has 7/3 of that at most, and the results, of which launcher/attach/remember.ts
 * takes an eighth of MAX_INPUT_BYTES.
 */
const MAX_PLAN_BYTES: i32 = MAX_INPUT_BYTES / 4;
/** Of the scratch file and its confs, or of a cached result and its conf: the rest is for what the runtime gives. */
const KEPT_VALUES = 150000;
/** A text of so many bytes cannot have more. */
const FEW_BYTES = KEPT_VALUES / 2;
const MAX_NAMED = 3;

/** Tells whether a DEL can read what is kept of `delegates`; false with a fault that names the largest. */
export function areReadable(delegates: List<Delegate>, scratch: Span, answer: Writer, networks: Value): bool {
  const bytes = answer.take().len;
  if (isExhausted()) return false;
  if (bytes > MAX_PLAN_BYTES) return refuse(bytes, MAX_PLAN_BYTES, "bytes", delegates, networks);
  if (bytes <= FEW_BYTES) return true;
  let values = valuesIn(scratch);
  for (let i = 0; i < delegates.length; i++) values += valuesIn(delegates[i].conf);
  return values <= KEPT_VALUES || refuse(values, KEPT_VALUES, "values", delegates, networks);
}

/** Tells whether `file`, of the result cache, and the conf in it have few enough values to be read; false with a fault. */
export function isCacheReadable(file: Span, conf: Span, network: Span): bool {
  if (file.len + conf.len <= FEW_BYTES) return true;
  const values = valuesIn(file) + valuesIn(conf);
  if (values <= KEPT_VALUES) return true;
  const message = say("network ").quote(network).text(": its conf and its result have ").int(values);
  message.text(" values together, and at most ").int(KEPT_VALUES).text(" can be kept; make them smaller");
  fail<Value>(Code.InvalidNetworkConfig, message);
  return false;
}

/** Returns how many values JSON has at most: an empty list or object counts twice. */
function valuesIn(json: Span): i32 {
  let count = 1;
  const end = json.end();
  for (let at = json.ptr; at < end; at++) {
    const c = <i32>load<u8>(at);
    if (c === Char.Comma || c === Char.OpenBracket || c === Char.OpenBrace) count++;
    if (c !== Char.Quote) continue;
    for (
      at = plainEnd(at + 1, end);
      at < end && <i32>load<u8>(at) !== Char.Quote;
      at = plainEnd(at + 1, end)
    ) {
      if (<i32>load<u8>(at) === Char.Backslash) at++;
    }
  }
  return count;
}

function refuse(found: i32, most: i32, what: string, delegates: List<Delegate>, networks: Value): bool {
  failOn<Value>(
    Code.InvalidNetworkConfig,
    say("the networks: ")
      .int(found)
      .byte(Char.Space)
      .text(what)
      .text(" would be kept of them, and at most ")
      .int(most)
      .text(" can be: ")
      .span(largestOf(delegates))
      .text("; make confs smaller, or ask for fewer networks"),
    networks,
  );
  return false;
}

/** Names the networks with the largest confs. */
function largestOf(delegates: List<Delegate>): Span {
  const out = new Writer();
  const named = List.filled<bool>(delegates.length);
  const count = min(delegates.length, MAX_NAMED);
  for (let place = 0; place < count; place++) {
    let largest = -1;
    for (let i = 0; i < delegates.length; i++) {
      if (!named[i] && (largest < 0 || delegates[i].conf.len > delegates[largest].conf.len)) largest = i;
    }
    named[largest] = true;
    const delegate = delegates[largest];
    if (place > 0) out.text("; ");
    out
      .quote(delegate.name)
      .text(" on ")
      .span(delegate.ifname)
      .text(", whose conf has ")
      .int(delegate.conf.len);
  }
  if (count < delegates.length)
    out
      .text(", and ")
      .int(delegates.length - count)
      .text(" more");
  return out.take();
}
