// The simulator finds what is broken in on purpose.
import { expect, test } from "vitest";
import { DEFECTS } from "./defects.ts";
import { hunt, rowOf } from "./hunt.ts";

/** Histories for each. */
const LIMIT = 2_000;

test.concurrent.each(DEFECTS)("it is found that $what", async (defect) => {
  const found = await hunt(defect, LIMIT);
  console.log(rowOf(defect, found));
  expect(found).toBeDefined();
});
