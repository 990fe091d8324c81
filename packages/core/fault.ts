// The one kind of error that reaches a runtime: a CNI error object.
import type { Place } from "./documents.ts";

/** Codes of the CNI spec 1.1.0, section 5 "Error", and libcni's for errors that the spec does not name. */
export const Code = {
  incompatibleVersion: 1,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodeFailure: 6,
  invalidNetworkConfig: 7,
  tryAgainLater: 11,
  pluginNotAvailable: 50,
  internal: 999,
} as const;

/** An error with its CNI code. `message` is `<what failed>: <why>; <what to do>`. */
export class Fault extends Error {
  override readonly name = "Fault";
  /** Of the CNI spec, a plugin's own, or 999. */
  readonly code: number;
  /** Where in the operation's document it is, if the core says so. */
  readonly place: Place | undefined;
  // What is internal is the launcher's: the package's types do not have it.
  /** @internal The reason of its event, if it has one of its own. */
  readonly reason: string | undefined;
  /** @internal The kind of trouble, if the caller goes on by it. */
  override readonly cause: string | undefined;

  constructor(code: number, message: string);
  /** @internal */
  constructor(code: number, message: string, reason?: string, cause?: string, place?: Place);
  constructor(code: number, message: string, reason?: string, cause?: string, place?: Place) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.cause = cause;
    this.place = place;
  }

  /** @internal Makes a Fault of anything thrown: a system call's error is an I/O failure, the rest is internal. */
  static of(thrown: unknown): Fault {
    if (thrown instanceof Fault) return thrown;
    if (!(thrown instanceof Error)) return new Fault(Code.internal, String(thrown));
    return new Fault("syscall" in thrown ? Code.ioFailure : Code.internal, thrown.message);
  }

  /** @internal The same fault, with the failed action in front. */
  during(what: string): Fault {
    return this.saying(`${what}: ${this.message}`);
  }

  /** @internal The same fault, with more to be said behind it. */
  followedBy(what: string): Fault {
    return this.saying(`${this.message}${what}`);
  }

  /** @internal The faults of several actions as one, with the code and the place of the first; undefined if there are none. */
  static all(faults: readonly Fault[]): Fault | undefined {
    const [first, ...rest] = faults;
    if (first === undefined || rest.length === 0) return first;
    return first.saying(faults.map(({ message }) => message).join("; "));
  }

  /** @internal */
  private saying(message: string): Fault {
    return new Fault(this.code, message, this.reason, this.cause, this.place);
  }
}
