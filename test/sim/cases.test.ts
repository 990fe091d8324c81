// What was mended stays so; what is known is so.
import { expect, test } from "vitest";
import { bundle } from "./bundle.ts";
import { CASES } from "./cases.ts";
import type { History } from "./history.ts";
import { KNOWN } from "./known.ts";
import { inThread } from "./threads.ts";

const script = bundle("cases");

test.each(CASES)("it does not happen any more that $what", async ({ history }) => {
  expect(await violationsOf(history)).toEqual([]);
});

test.each(KNOWN)("known, and not mended: $name", async ({ history, matches }) => {
  expect(await violationsOf(history)).toContainEqual(expect.stringMatching(matches));
});

async function violationsOf(history: History): Promise<string[]> {
  const violations: string[] = [];
  await inThread(await script, { play: "one", history, shorten: false }, (report) => {
    if (report.is === "violated") {
      violations.push(...report.violations.map(({ kind, text }) => `${kind}: ${text}`));
    }
    return undefined;
  });
  return violations;
}
