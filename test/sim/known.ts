// Violations that are known: each with why it is not mended (yet), and a history that shows it. One that is not shown any more
// fails a test, and has to go from here.
import type { History } from "./history.ts";
import type { Violation } from "./machine.ts";

export interface Known {
  name: string;
  /** Violations of the class, as `kind: text`; those that follow from others too. */
  matches: RegExp;
  why: string;
  history: History;
}

export const KNOWN: Known[] = [];

/** The known class that a violation is of. */
export function knownClass({ kind, text }: Violation): Known | undefined {
  return KNOWN.find(({ matches }) => matches.test(`${kind}: ${text}`));
}
