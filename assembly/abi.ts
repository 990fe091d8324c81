// The core's exported functions. Each operation takes one UTF-8 JSON document at `ptr`, `len` (put there after
// `alloc`) and returns the address of `u32 status, u32 length, bytes`: status 0 and its document, or status 1 and a
// CNI error object `{code, msg}`. The documents of each operation are described where its function is defined.
import { describe as describeConf } from "./cni/describe";
import { environment as checkEnvironment } from "./cni/environment";
import { convert as convertResult } from "./cni/result";
import { Code, fail, faultDocument, forgive } from "./fault";
import { invoke as invokePlugin } from "./invoke/invoke";
import { parse, resetParseBudget } from "./json/parse";
import { Value } from "./json/value";
import { netconf as readNetconf } from "./netconf/netconf";
import { plan as planAttachments } from "./plan/plan";
import { selection as readSelection } from "./selection/selection";
import { remember as writeCache } from "./state/cache";
import { recover as recoverDelegates } from "./state/recover";
import { outcome as readOutcome } from "./status/outcome";
import { status as describeStatus } from "./status/status";
import { allow, claim, Exhaustion, exhaustion, isExhausted, lift } from "./text/arena";
import { Span } from "./text/span";
import { HEAD_BYTES, say, Writer } from "./text/writer";

const MAX_INPUT_BYTES: u32 = 16 << 20;
const NO_MEMORY = '{"code":11,"msg":"the document: there is no memory for an answer; try again later"}';
/** Where that is put, if there is no memory elsewhere. */
const lastResort = memory.data(128);

let isRunning = false;

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
  __reset();
  forgive();
  resetParseBudget();
  lift();
  isRunning = false;
}

/** Checks any JSON document and prints it, byte for byte: operation `json`. Errors: 6 (it is not JSON). */
export function json(ptr: usize, len: u32): usize {
  return run(ptr, len, identity);
}

export function netconf(ptr: usize, len: u32): usize {
  return run(ptr, len, readNetconf);
}

export function environment(ptr: usize, len: u32): usize {
  return run(ptr, len, checkEnvironment);
}

export function describe(ptr: usize, len: u32): usize {
  return run(ptr, len, describeConf);
}

export function selection(ptr: usize, len: u32): usize {
  return run(ptr, len, readSelection);
}

export function plan(ptr: usize, len: u32): usize {
  return run(ptr, len, planAttachments);
}

export function invoke(ptr: usize, len: u32): usize {
  return run(ptr, len, invokePlugin);
}

export function outcome(ptr: usize, len: u32): usize {
  return run(ptr, len, readOutcome);
}

export function remember(ptr: usize, len: u32): usize {
  return run(ptr, len, writeCache);
}

export function recover(ptr: usize, len: u32): usize {
  return run(ptr, len, recoverDelegates);
}

export function convert(ptr: usize, len: u32): usize {
  return run(ptr, len, convertResult);
}

export function status(ptr: usize, len: u32): usize {
  return run(ptr, len, describeStatus);
}

function identity(input: Value): Writer | null {
  return new Writer().span(input.print());
}

function run(ptr: usize, len: u32, operation: (input: Value) => Writer | null): usize {
  isRunning = true;
  forgive();
  resetParseBudget();
  allow(len);
  const out = attempt(new Span(ptr, len), operation);
  const refused = exhaustion();
  lift();
  if (refused !== Exhaustion.None) {
    forgive();
    refuse(refused, len);
  }
  const answer = out === null || refused !== Exhaustion.None ? respond(1, faultDocument()) : respond(0, out);
  isRunning = false;
  return answer;
}

function attempt(text: Span, operation: (input: Value) => Writer | null): Writer | null {
  if (<u32>text.len > MAX_INPUT_BYTES) {
    return fail<Writer>(
      Code.DecodeFailure,
      say("the document: it has more than 16777216 bytes; make it smaller"),
    );
  }
  const input = parse(text, say("the document"));
  return input === null ? null : operation(input);
}

function refuse(why: Exhaustion, len: u32): void {
  if (why === Exhaustion.Engine) {
    fail<Value>(
      Code.TryAgainLater,
      say("the document: there is no memory for its ").int(len).text(" bytes; try again later"),
    );
    return;
  }
  fail<Value>(
    Code.InvalidNetworkConfig,
    say("the document: it makes so many copies of its parts that ")
      .int(len)
      .text(
        " bytes are not enough to account for them; ask for fewer networks, or make confs, `cni-args` and results smaller",
      ),
  );
}

/** Puts status and length before what `body` has written. */
function respond(code: u32, body: Writer): usize {
  const document = body.take();
  if (isExhausted()) return respondWithoutMemory();
  const head = document.ptr - HEAD_BYTES;
  store<u32>(head, code);
  store<u32>(head, document.len, 4);
  return head;
}

function respondWithoutMemory(): usize {
  store<u32>(lastResort, 1);
  store<u32>(lastResort, NO_MEMORY.length, 4);
  memory.copy(lastResort + HEAD_BYTES, changetype<usize>(NO_MEMORY), NO_MEMORY.length);
  return lastResort;
}
