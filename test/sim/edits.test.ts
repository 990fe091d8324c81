// Pods whose annotation is edited while they run, whatever dies meanwhile: each has what it asks for some time after the last
// fault, nothing else is touched, and nothing is left after its DEL.
import { expect, test } from "vitest";
import { bundle } from "./bundle.ts";
import type { Defect } from "./defects.ts";
import { EDIT_DEFECTS } from "./editdefects.ts";
import { hunt } from "./hunt.ts";
import { playSeeds } from "./threads.ts";

const HISTORIES = 400;
const FIRST_SEED = 1;
/** So many find each of the defects, but for those that have a history of their own. */
const FINDING = 200;

test(`${HISTORIES} histories with edits, from seed ${FIRST_SEED} on`, async () => {
  const found: string[] = [];
  const order = { first: FIRST_SEED, count: HISTORIES, limit: 5, edits: true };
  const totals = await playSeeds(await bundle("edits"), order, (report) => {
    if (report.is !== "violated") return undefined;
    for (const { kind, text } of report.violations)
      found.push(`npm run sim -- --edits --seed ${report.history.seed}: ${kind}: ${text}`);
  });
  console.log(`${totals.histories} histories, ${totals.calls} calls, ${totals.events} events`);
  expect(found).toEqual([]);
  expect(totals.histories).toBe(HISTORIES);
});

test.each<Defect>(EDIT_DEFECTS)("it is found if $what", async (defect) => {
  expect(await hunt(defect, FINDING)).toBeDefined();
});
