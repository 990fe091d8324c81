// Violations that are known: each with why it is not mended (yet), and a history that shows it. One that is not shown any more
// fails a test, and has to go from here.
import type { History } from "./history.ts";
import type { Violation } from "./machine.ts";
import { PLAIN } from "./setup.ts";

export interface Known {
  name: string;
  /** Violations of the class, as `kind: text`; those that follow from others too. */
  matches: RegExp;
  why: string;
  history: History;
}

export const KNOWN: Known[] = [
  {
    name: "an orphan",
    matches: /^left-by-orphan: /,
    why:
      "a delegate outlives a one-shot plexus that is killed with SIGKILL, and goes on while the DEL that follows is carried " +
      "out: what it makes afterwards nobody undoes; through the shim it dies too (PR_SET_PDEATHSIG)",
    history: {
      seed: 2,
      setup: PLAIN,
      steps: [
        { waitMs: 0, do: "ADD", container: 0, killAfterMs: 15 },
        { waitMs: 0, do: "DEL", container: 0 },
      ],
    },
  },
];

/** The known class that a violation is of. */
export function knownClass({ kind, text }: Violation): Known | undefined {
  return KNOWN.find(({ matches }) => matches.test(`${kind}: ${text}`));
}
