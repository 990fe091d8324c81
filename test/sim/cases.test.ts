// What was mended stays so.
import { expect, test } from "vitest";
import { bundle } from "./bundle.ts";
import { CASES } from "./cases.ts";
import { inThread } from "./threads.ts";

test.each(CASES)("it does not happen any more that $what", async ({ history }) => {
  const violations: string[] = [];
  const order = { play: "one", history, shorten: false } as const;
  await inThread(await bundle("cases"), order, (report) => {
    if (report.is === "violated")
      violations.push(...report.violations.map(({ kind, text }) => `${kind}: ${text}`));
    return undefined;
  });
  expect(violations).toEqual([]);
});
