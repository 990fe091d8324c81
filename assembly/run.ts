// How an operation is called: the document comes in, its answer goes out. Shared by the modules that are built from these
// sources (abi.ts, lint/abi.ts).
import { Code, fail, forgive, openFault } from "./fault";
import { parse, resetParseBudget } from "./json/parse";
import { forgetNoted, writePlace } from "./json/place";
import { Value } from "./json/value";
import {
  allow,
  claim,
  Exhaustion,
  exhaustion,
  free,
  isExhausted,
  lift,
  MAX_INPUT_BYTES,
  rewind,
} from "./text/arena";
import { Char } from "./text/char";
import { Span } from "./text/span";
import { HEAD_BYTES, say, Writer } from "./text/writer";

let isRunning = false;
/** The document of the operation, and what it is once it is parsed. */
let text: Span = new Span(0, 0);
let input: Value | null = null;
/** The document of its fault, if the operation has written it. */
let failure: Writer | null = null;

/** Returns the version of this interface. It changes when a host written for the old one would break. */
export function abi_version(): u32 {
  return 2;
}

/** Returns the address of `size` bytes for the next operation's document; 0 if that is too large, or memory is. */
export function alloc(size: u32): usize {
  if (isRunning) reset(); // an operation that did not end: nothing of it is of use
  lift();
  return size <= MAX_INPUT_BYTES ? claim(size) : 0;
}

/** Frees everything: documents, results, all. */
export function reset(): void {
  free();
  forgive();
  resetParseBudget();
  forgetNoted();
  isRunning = false;
}

/** Runs `operation` on the document at `ptr`, `len`. Returns the address of its answer. */
export function run(ptr: usize, len: u32, operation: (input: Value) => Writer | null): usize {
  isRunning = true;
  forgive();
  resetParseBudget();
  forgetNoted();
  allow(len);
  input = null;
  failure = null;
  text = new Span(ptr, len);
  const out = attempt(operation);
  let answer: Writer;
  if (out !== null) {
    answer = out;
  } else {
    if (!isExhausted()) lift(); // a fault may be written, whatever was taken before
    answer = faultDocument();
  }
  const refused = exhaustion();
  if (refused !== Exhaustion.None) answer = refuse(refused, len);
  lift();
  isRunning = false;
  return respond(out === null || refused !== Exhaustion.None ? 1 : 0, answer);
}

function attempt(operation: (input: Value) => Writer | null): Writer | null {
  if (<u32>text.len > MAX_INPUT_BYTES) {
    return fail<Writer>(
      Code.DecodeFailure,
      say("the document: it has more than 16777216 bytes; make it smaller"),
    );
  }
  const root = parse(text, say("the document"));
  input = root;
  return root === null ? null : operation(root);
}

/** Returns the operation's document. */
export function documentText(): Span {
  return text;
}

/** Returns the fault as `{code, msg`, with its place if that is known (`writePlace`), for whoever adds to it. */
export function faultMembers(): Span {
  const out = openFault();
  writePlace(out, text, input);
  return out.take();
}

/** Ends the operation with a fault, whose document is written. */
export function failAs(document: Writer): Writer | null {
  failure = document;
  return null;
}

function faultDocument(): Writer {
  const written = failure;
  return written === null ? new Writer().span(faultMembers()).byte(Char.CloseBrace) : written;
}

/** Says why there is no answer, where all that should have become one was. */
function refuse(why: Exhaustion, len: u32): Writer {
  rewind();
  failure = null;
  forgive();
  if (why === Exhaustion.Engine) {
    fail<Value>(
      Code.TryAgainLater,
      say("the document: there is no memory for its ").int(len).text(" bytes; try again later"),
    );
  } else {
    fail<Value>(
      Code.InvalidNetworkConfig,
      say("the document: it makes so many copies of its parts that ")
        .int(len)
        .text(
          " bytes are not enough to account for them; ask for fewer networks, or make confs, `cni-args` and results smaller",
        ),
    );
  }
  return faultDocument();
}

/** Puts status and length before what `body` has written. */
function respond(code: u32, body: Writer): usize {
  const document = body.take();
  const head = document.ptr - HEAD_BYTES;
  store<u32>(head, code);
  store<u32>(head, document.len, 4);
  return head;
}
