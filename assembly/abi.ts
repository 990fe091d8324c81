// The core's exported functions. Each operation takes one UTF-8 JSON document at `ptr`, `len` (put there after
// `alloc`) and returns the address of `u32 status, u32 length, bytes`: status 0 and its document, or status 1 and a
// CNI error object `{code, msg}`. The documents of each operation are described where its function is defined.
import { describe as describeConf } from "./cni/describe";
import { environment as checkEnvironment } from "./cni/environment";
import { convert as convertResult } from "./cni/result";
import { invoke as invokePlugin } from "./invoke/invoke";
import { Value } from "./json/value";
import { netconf as readNetconf } from "./netconf/netconf";
import { plan as planAttachments } from "./plan/plan";
import { run } from "./run";
import { selection as readSelection } from "./selection/selection";
import { remember as writeCache } from "./state/cache";
import { recover as recoverDelegates } from "./state/recover";
import { outcome as readOutcome } from "./status/outcome";
import { status as describeStatus } from "./status/status";
import { Writer } from "./text/writer";

export { abi_version, alloc, reset } from "./run";

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
