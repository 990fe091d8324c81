// The core as tests call it: each document that it takes or answers is held to its schema.
import {
  type Documents,
  diagnosedError,
  error,
  lintOperations,
  operations,
} from "../../packages/core/documents.ts";
import { type Answer, Core } from "../../packages/core/index.ts";

export type Module = "core.wasm" | "lint.wasm";

export class CheckedCore extends Core {
  /** The first document that was not as its schema says: what is tested may have dealt with the error. */
  complaint: Error | undefined;

  constructor(
    bytes: BufferSource,
    private readonly name: Module = "core.wasm",
  ) {
    super(bytes);
  }

  /** Holds the text that the module gave, before anything is made of it. */
  protected override answer(operation: string, input: Uint8Array): Answer {
    const answer = super.answer(operation, input);
    if (this.isHeld()) this.hold(() => holdToSchema(this.name, operation, input, answer.status, answer.text));
    return answer;
  }

  /** Is this answer held to its schema? */
  protected isHeld(): boolean {
    return true;
  }

  private hold(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.complaint ??= error as Error;
      throw error;
    }
  }
}

/** Returns the shapes of an operation's documents; undefined if there is no such operation. */
export function documentsOf(module: Module, operation: string): Documents | undefined {
  const all: Record<string, Documents> =
    module === "lint.wasm" ? { ...operations, ...lintOperations } : operations;
  return all[operation];
}

/** Throws if the core took a document that is none of the operation's, or answered with one. */
export function holdToSchema(
  module: Module,
  operation: string,
  input: Uint8Array,
  status: number,
  answer: string,
): void {
  const documents = documentsOf(module, operation);
  if (documents === undefined) return;
  if (status !== 0) {
    hold(module === "lint.wasm" ? diagnosedError : error, JSON.parse(answer), `the error of ${operation}`);
    return;
  }
  hold(documents.output, JSON.parse(answer), `the result of ${operation}`);
  hold(documents.input, JSON.parse(new TextDecoder().decode(input)), `what ${operation} has taken`);
}

function hold(schema: Documents["input"], document: unknown, what: string): void {
  const { error: why } = schema.safeParse(document);
  if (why) throw new Error(`${what} is not as its schema says: ${why.message}: ${JSON.stringify(document)}`);
}
