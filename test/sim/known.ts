// Violations that are known: each with why it is not mended (yet). A run says which occurred; one that does not occur any
// more fails the test, and has to go from here.
import type { Violation } from "./machine.ts";

export interface Known {
  kind: string;
  /** What of the violation's text makes it this one. */
  text?: RegExp;
  why: string;
}

export const KNOWN: Known[] = [
  {
    kind: "left-by-orphan",
    why:
      "a delegate outlives a one-shot plexus that is killed with SIGKILL, and goes on while the DEL that follows is carried " +
      "out: what it makes afterwards nobody undoes. Through the shim it dies too (PR_SET_PDEATHSIG)",
  },
  {
    kind: "waits-too-long",
    why:
      "in the resident process, calls that wait for an API server that is down keep their turns (launcher/resident/" +
      "admission.ts): a DEL, which does not need it, waits until one of them gives up, half a minute",
  },
];

/** The known class that a violation is of. */
export function knownClass({ kind, text }: Violation): Known | undefined {
  return KNOWN.find((known) => known.kind === kind && (known.text?.test(text) ?? true));
}
