// The documentation's navigation: docs/navigation.json.
import * as fs from "node:fs";
import { expect, test } from "vitest";
import { layout } from "../../scripts/site/layout.ts";
import { render } from "../../scripts/site/markdown.ts";
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

test("no page has an id twice, and no heading can have one of the page's own", () => {
  const root = new URL("../../", import.meta.url);
  for (const source of pagePaths()) {
    const { html, rendering } = render(source, fs.readFileSync(new URL(source, root), "utf8"));
    const { headings } = rendering;
    const around = {
      place: "a.html",
      source,
      title: "",
      headings,
      navigation: [],
      titles: new Map(),
      version: "1",
    };
    const ids = [...layout(around, html).matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
    expect(
      ids.filter((id, index) => ids.indexOf(id) !== index),
      source,
    ).toEqual([]);
  }
});
