// The one error that an operation can end with: a CNI error object.
// Source: CNI spec 1.1.0, section 5 "Error"; codes 1 to 99 are the spec's.
import { Span } from "./text/span";
import { Writer } from "./text/writer";

export const enum Code {
  IncompatibleVersion = 1,
  InvalidEnvironment = 4,
  DecodeFailure = 6,
  InvalidNetworkConfig = 7,
  TryAgainLater = 11,
  Internal = 999, // libcni's code for what the spec does not name
}

let code: i32 = 0;
let message: Span | null = null;
/** The place that is at fault, as addresses: none if they are 0. */
let from: usize = 0;
let to: usize = 0;

/** Records why the operation fails, and returns null, for `return fail<T>(...)`. The first reason stands. */
export function fail<T>(why: i32, what: Writer): T | null {
  return failAt<T>(why, what, 0, 0);
}

/** Does so with the place that is at fault: what stands from `start` to before `end`. */
export function failAt<T>(why: i32, what: Writer, start: usize, end: usize): T | null {
  if (message === null) {
    code = why;
    message = what.take();
    from = start;
    to = end;
  }
  return null;
}

/** Returns where the place that is at fault begins; 0 if nobody says. */
export function faultStart(): usize {
  return from;
}

/** Returns where it ends. */
export function faultEnd(): usize {
  return to;
}

/** Tells whether a reason is recorded. */
export function failed(): bool {
  return message !== null;
}

/** Forgets the fault, which the caller has dealt with. */
export function forgive(): void {
  message = null;
}

/** Forgets the fault, which the caller has dealt with, and returns its message. */
export function forgiven(): Span {
  const was = message;
  message = null;
  return was === null ? new Span(0, 0) : was;
}

/** Begins the document of the fault: `{code, msg`, for whoever adds its place and closes it. */
export function openFault(): Writer {
  const msg = message;
  const out = new Writer().open().key("code").number(code).key("msg");
  if (msg === null) out.literal("unknown error");
  else out.string(msg);
  return out;
}
