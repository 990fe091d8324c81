// The documentation's navigation: docs/navigation.json.
import { expect, test } from "vitest";
import { lostPages, navigation, pagePaths, pathsOf } from "../../scripts/site/navigation.ts";

test("each page of docs/ is in a section of the site's navigation", () => {
  expect(pagePaths().length).toBeGreaterThan(50);
  expect(lostPages()).toEqual([]);
});

test("a page that is in no section is named", () => {
  expect(lostPages([...pagePaths(), "docs/forgotten.md"])).toEqual(["docs/forgotten.md"]);
});

test("no page is in two sections", () => {
  const shown = navigation().flatMap(({ entries }) => entries.flatMap(pathsOf));
  expect(shown.filter((path, index) => shown.indexOf(path) !== index)).toEqual([]);
});
