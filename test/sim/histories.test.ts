// Whatever happens, in 20,000 histories: nothing leaks, nobody is touched who is not meant, and every call ends.
import { expect, test } from "vitest";
import { bundle } from "./bundle.ts";
import { KNOWN, knownClass } from "./known.ts";
import { playSeeds } from "./threads.ts";

const HISTORIES = 20_000;
const FIRST_SEED = 1;

test(`${HISTORIES} histories, from seed ${FIRST_SEED} on`, async () => {
  const found: string[] = [];
  const known = new Map<string, number>();
  const script = await bundle("histories");
  const totals = await playSeeds(script, { first: FIRST_SEED, count: HISTORIES, limit: 5 }, (report) => {
    if (report.is !== "violated") return undefined;
    for (const violation of report.violations) {
      const { kind, text } = violation;
      const name = knownClass(violation)?.name;
      if (name !== undefined) known.set(name, (known.get(name) ?? 0) + 1);
      else found.push(`npm run sim -- --seed ${report.history.seed}: ${kind}: ${text}`);
    }
  });
  console.log(`${totals.histories} histories, ${totals.calls} calls, ${totals.events} events`);
  for (const { name, why } of KNOWN) console.log(`known, ${known.get(name) ?? 0} times ${name}: ${why}`);
  expect(found).toEqual([]);
  expect(totals.histories).toBe(HISTORIES);
  // One that does not occur any more is to go from the list.
  expect(KNOWN.filter(({ name }) => !known.has(name))).toEqual([]);
});
