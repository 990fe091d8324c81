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
  ) {
    super(message);
  }

  /** Any thrown thing as a Fault: what is none becomes `code`, 999 unless told otherwise. */
  static of(thrown: unknown, code: number = Code.internal): Fault {
    if (thrown instanceof Fault) return thrown;
    return new Fault(code, thrown instanceof Error ? thrown.message : String(thrown));
  }

  /** The same fault, with what was being done in front. */
  during(what: string): Fault {
    return new Fault(this.code, `${what}: ${this.message}`);
  }
}
