// Looks for a defect that was broken in: with the simulator's histories, until one is violated.
import { bundle } from "./bundle.ts";
import { DEFECTS, type Defect } from "./defects.ts";
import { knownClass } from "./known.ts";
import type { Violation } from "./machine.ts";
import { inThread } from "./threads.ts";
import type { Order } from "./worker.ts";

/** The first history that finds a defect. */
export interface Found {
  seed: number;
  violation: Violation;
}

/** @returns undefined if it is not found within so many histories */
export async function hunt(defect: Defect, limit: number): Promise<Found | undefined> {
  const script = await bundle(`defect-${DEFECTS.indexOf(defect)}`, defect.patches);
  const order = orderFor(defect, limit);
  let first: { seed: number; violation: Violation } | undefined;
  await inThread(script, order, (report) => {
    if (report.is !== "violated") return undefined;
    const shows = ({ kind, text }: Violation) => defect.shownBy?.test(`${kind}: ${text}`);
    const violation = report.violations.find((one) => knownClass(one) === undefined || shows(one));
    if (violation === undefined) return undefined;
    first = { seed: report.history.seed, violation };
    return "enough";
  });
  return first;
}

function orderFor({ by }: Defect, limit: number): Order {
  if (by === "seeds" || by === "edits")
    return { play: "seeds", first: 1, step: 1, count: limit, limit: 1, edits: by === "edits" };
  if ("sequel" in by) return { play: "crashes", crashes: by, limit: 1 };
  return { play: "one", history: by, shorten: false };
}

function finderOf({ by }: Defect, found: Found): string {
  if (by === "seeds" || by === "edits") return `${by === "edits" ? "`--edits`, " : ""}seed ${found.seed}`;
  return "sequel" in by ? `an ADD cut off at every step, then ${by.sequel}` : "a history of its own";
}

/** A row of the table in docs/testing.md. */
export function rowOf(defect: Defect, found: Found | undefined): string {
  const { patches, what } = defect;
  const saw = found === undefined ? "NOT FOUND" : `${finderOf(defect, found)}: \`${found.violation.kind}\``;
  return `| ${what} | \`${patches[0]?.file ?? ""}\` | ${saw} |`;
}
