// The one kind of error that reaches a runtime: a CNI error object.

/** Codes of the CNI spec 1.1.0, section 5 "Error", and libcni's for what the spec does not name. */
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

/** An error with its CNI code. `message` says what was tried, on what, and what to do next. */
export class Fault extends Error {
  override readonly name = "Fault";

  constructor(
    readonly code: number,
    message: string,
    /** The reason of the event that tells the pod's user of it, where it has one of its own. */
    readonly reason?: string,
  ) {
    super(message);
  }

  /** Any thrown thing as a Fault: what the system refused as an I/O failure, the rest as an internal error. */
  static of(thrown: unknown): Fault {
    if (thrown instanceof Fault) return thrown;
    if (!(thrown instanceof Error)) return new Fault(Code.internal, String(thrown));
    return new Fault("syscall" in thrown ? Code.ioFailure : Code.internal, thrown.message);
  }

  /** The same fault, with what was being done in front. */
  during(what: string): Fault {
    return new Fault(this.code, `${what}: ${this.message}`, this.reason);
  }
}
