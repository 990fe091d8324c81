// The documentation's site as its readers have it: files, in a browser, without a network.
import { existsSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { SITE, Site } from "./browser.ts";

const pages = readdirSync(SITE, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".html"))
  .sort();

let site: Site;
beforeAll(async () => {
  site = await Site.open();
});
afterAll(() => site.close());
afterEach(() => {
  expect(site.errors.splice(0)).toEqual([]);
});

/** A page's links and pictures, the places on it that a link can lead to, and its title. */
async function readPage(place: string) {
  await site.goto(place);
  return site.page.evaluate(() => ({
    title: document.title,
    ids: [...document.querySelectorAll("[id]")].map(({ id }) => id),
    to: [...document.querySelectorAll("[href], [src]")].map(
      (element) => element.getAttribute("href") ?? element.getAttribute("src") ?? "",
    ),
  }));
}

const read = new Map<string, Awaited<ReturnType<typeof readPage>>>();

async function readPages() {
  if (read.size === 0)
    for (const place of pages.filter((name) => name !== "play.html")) read.set(place, await readPage(place));
  return read;
}

test("no link is dead: each page, file and anchor is there", async () => {
  expect(pages.length).toBeGreaterThan(90);
  await readPages();
  const dead: string[] = [];
  let anchors = 0;
  for (const [place, { to }] of read) {
    for (const href of to) {
      if (/^(https?|data|mailto):/.test(href)) continue;
      const [path = "", fragment = ""] = decodeURI(href).split("#");
      const target = path === "" ? place : relative(SITE, join(SITE, dirname(place), path));
      const isThere = existsSync(join(SITE, target));
      const hasAnchor = fragment === "" || read.get(target)?.ids.includes(decodeURIComponent(fragment));
      if (fragment !== "") anchors++;
      if (!isThere || !hasAnchor) dead.push(`${place}: ${href}`);
    }
  }
  expect(dead).toEqual([]);
  expect(anchors).toBeGreaterThan(100);
});

test("each page has a title of its own", async () => {
  const titles = [...(await readPages()).values()].map(({ title }) => title);
  expect(titles.filter((title, index) => title === "" || titles.indexOf(title) !== index)).toEqual([]);
});

test.each([
  ["index.html", "light"],
  ["index.html", "dark"],
  ["cli.html", "light"],
  ["differences.html", "dark"],
  ["rules/bad-mac.html", "light"],
  ["rules/index.html", "dark"],
  ["source/deploy/daemon/rbac.yaml.html", "light"],
] as const)("%s, in %s, has no violation of accessibility", async (place, scheme) => {
  await site.page.emulateMedia({ colorScheme: scheme });
  await site.goto(place);
  await site.search("default network");
  const { violations } = await new AxeBuilder({ page: site.page })
    .setLegacyMode()
    .options({ preload: false })
    .analyze();
  expect(
    violations.map(({ id, nodes }) => [id, nodes.slice(0, 3).map(({ html }) => html.slice(0, 200))]),
  ).toEqual([]);
});

test.each([
  ["namespaceIsolation", "conf.html"],
  ["kubectl plexus map", "plexus-map"],
  ["unknown-interface", "rules/unknown-interface.html"],
  ["plexus_calls_total", "metrics"],
  ["whose turn", "architecture.html"],
])("a search for %j finds %s", async (words, place) => {
  await site.goto("index.html");
  const found = await site.search(words);
  expect(
    found
      .slice(0, 5)
      .map(({ href }) => href)
      .join(" "),
  ).toContain(place);
});

test("the search is used by keyboard alone, from any page", async () => {
  await site.goto("rules/bad-mac.html");
  const { keyboard } = site.page;
  await keyboard.press("/");
  await keyboard.type("slots");
  await site.page.waitForSelector("#siteResults a");
  await keyboard.press("ArrowDown");
  await keyboard.press("ArrowDown");
  await keyboard.press("ArrowUp");
  const href = await site.page.evaluate(() => document.activeElement?.getAttribute("href"));
  await keyboard.press("Enter");
  await site.page.waitForURL(new RegExp(`${(href ?? "?").replace(/^\.\.\//, "").replace(/[.#]/g, "\\$&")}$`));
  await keyboard.press("/");
  await keyboard.type("x");
  await keyboard.press("Escape");
  expect(await site.page.locator("#siteResults").isVisible()).toBe(false);
});

test("the first stop of the keyboard leads to the text", async () => {
  await site.goto("cli.html");
  await site.page.keyboard.press("Tab");
  await site.page.keyboard.press("Enter");
  expect(await site.page.evaluate(() => document.activeElement?.id)).toBe("siteText");
});

test("light and dark are what the reader has chosen, on the next page too", async () => {
  await site.page.emulateMedia({ colorScheme: "light" });
  await site.goto("index.html");
  const ground = () => site.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await site.page.click("#theme");
  const dark = await ground();
  expect(dark).not.toBe(light);
  await site.goto("cli.html");
  expect(await ground()).toBe(dark);
  await site.page.click("#theme");
  expect(await ground()).toBe(light);
});

test("the menu is folded in a narrow window, and nothing is wider than that", async () => {
  await site.page.setViewportSize({ width: 390, height: 800 });
  try {
    await site.goto("differences.html");
    expect(await site.page.locator("#sitePages").isVisible()).toBe(false);
    await site.page.click("#siteMenu");
    expect(await site.page.locator("#sitePages").isVisible()).toBe(true);
    expect(await site.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  } finally {
    await site.page.setViewportSize({ width: 1440, height: 1000 });
  }
});

test("the playground is in it, and works", async () => {
  await site.goto("index.html");
  await site.page.click('#sitePages a[href="play.html"]');
  await site.page.waitForSelector("#results[data-analysis]", { state: "attached" });
  await site.page.selectOption("#example", "macvlan");
  await site.page.waitForSelector("#summary:has-text('interfaces will be attached')");
});
