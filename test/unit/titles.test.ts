// What counts as the name of a test, for the documents that name tests.
import { expect, test } from "vitest";
import { titlesIn } from "../support/titles.ts";

test("tests, groups and rows of a table have names; other strings are none", () => {
  const source = `
    const ROWS: [string, string][] = [["a row of a constant", "a cell"]];
    const OTHERS = ["no name", ["no name either"]];
    describe("a group", () => {
      it("a test" + " in two pieces", () => call(["an argument"]));
      test.each(ROWS)("%s is there", () => {});
      describe.concurrent.each([["a row", "a cell"], "a row of one"] as const)("each %s", () => {});
      test.skipIf(OTHERS.length > 0)("a test of some machines", () => {});
      other.each([["a row of something else"]])("no test", () => {});
      // test("a comment", () => {});
    });`;
  expect([...titlesIn(source)].sort()).toEqual([
    "%s is there",
    "a group",
    "a row",
    "a row of a constant",
    "a row of one",
    "a test in two pieces",
    "a test of some machines",
    "each %s",
  ]);
});
