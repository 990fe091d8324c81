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
import { Span } from "./text/span";
import { say, Writer } from "./text/writer";

const MAX_INPUT_BYTES: u32 = 16 << 20;

/** Returns the version of this interface. It changes when a host written for the old one would break. */
export function abi_version(): u32 {
  return 2;
}

/** Returns the address of `size` bytes for the next operation's document; 0 if that is too large. */
export function alloc(size: u32): usize {
  return size <= MAX_INPUT_BYTES && ensureRoom(size) ? heap.alloc(size) : 0;
}

/** Frees everything: documents, results, all. */
export function reset(): void {
  forgive();
  __reset();
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
  forgive();
  resetParseBudget();
  const out = attempt(new Span(ptr, len), operation);
  return out === null ? respond(1, faultDocument()) : respond(0, out.take());
}

function attempt(text: Span, operation: (input: Value) => Writer | null): Writer | null {
  if (<u32>text.len > MAX_INPUT_BYTES) {
    return fail<Writer>(
      Code.DecodeFailure,
      say("the document: it has more than 16777216 bytes; make it smaller"),
    );
  }
  if (!ensureRoom(text.len)) {
    return fail<Writer>(
      Code.TryAgainLater,
      say("the document: there is no memory for its ").int(text.len).text(" bytes; try again later"),
    );
  }
  const input = parse(text, say("the document"));
  return input === null ? null : operation(input);
}

function respond(code: u32, body: Span): usize {
  const ptr = heap.alloc(8 + body.len);
  store<u32>(ptr, code);
  store<u32>(ptr, body.len, 4);
  memory.copy(ptr + 8, body.ptr, body.len);
  return ptr;
}

/**
 * Makes sure of all the memory an operation on `size` bytes can take, so that none runs out of it halfway.
 * A value takes at least two bytes of text and 80 of memory; texts are copied and escaped a bounded number of times.
 */
function ensureRoom(size: u32): bool {
  const values = min<u64>(size, 1000000) * 80;
  const needed = <u64>heap.alloc(0) + values + <u64>size * 40 + (1 << 20);
  const pages = <i32>((needed + 0xffff) >>> 16);
  const more = pages - memory.size();
  return more <= 0 || memory.grow(more) >= 0;
}
