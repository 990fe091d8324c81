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
  const order: Order =
    defect.by === "seeds"
      ? { play: "seeds", first: 1, step: 1, count: limit, limit: 1 }
      : { play: "crashes", crashes: defect.by, limit: 1 };
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

/** A row of the table in docs/testing.md. */
export function rowOf({ what, by, patches }: Defect, found: Found | undefined): string {
  const file = patches[0]?.file ?? "";
  const finder = by === "seeds" ? `seed ${found?.seed}` : `an ADD cut off at every step, then ${by.sequel}`;
  const saw = found === undefined ? "NOT FOUND" : `${finder}: \`${found.violation.kind}\``;
  return `| ${what} | \`${file}\` | ${saw} |`;
}
