// The pages of docs/ that people follow: each does what it says, on a real cluster, and leaves nothing behind.
import * as fs from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { until } from "../support/until.ts";
import { Cluster, ROOT } from "./cluster.ts";
import { type Result, readPage, Trial } from "./page.ts";
import { PAGES, type Page, pagesThatAre, REASONS } from "./pages.ts";
import { reportOf } from "./report.ts";

let cluster: Cluster;
const results = new Map<string, Result[]>();
beforeAll(async () => {
  cluster = await Cluster.open();
});
afterAll(async () => {
  await cluster?.close();
  const report = reportOf(PAGES.map(({ path }) => ({ path, results: results.get(path) })));
  fs.writeFileSync(join(ROOT, "build/docs-report.md"), report);
  console.log(report);
});

const when = (which: Page["when"]) =>
  PAGES.filter((page) => page.when === which).map((page) => [page.path, page] as const);

async function follow(path: string, { prepare, unexecuted, isPossible, fake }: Page): Promise<void> {
  const end = await prepare?.(cluster);
  try {
    const without = (await isPossible?.(cluster)) ? undefined : unexecuted;
    const tried = await new Trial(cluster, path, REASONS).run(without);
    results.set(
      path,
      tried.map((one) => (fake === undefined ? one : { ...one, result: `${one.result}; ${fake}` })),
    );
  } finally {
    await end?.();
  }
}

test("each page of docs/ that people follow is tried", () => {
  expect(PAGES.map(({ path }) => path).sort()).toEqual(pagesThatAre());
});

test("each reason for what is not executed is one of a block or a page", () => {
  const words = PAGES.flatMap(({ path }) => readPage(path).flatMap(({ words }) => words));
  const given = PAGES.flatMap(({ unexecuted = [] }) => unexecuted);
  const used = [...given, ...words.flatMap((word) => /^unexecuted=(.+)/.exec(word)?.[1] ?? [])];
  expect([...new Set(used)].sort()).toEqual(Object.keys(REASONS).sort());
});

it.each(when("first"))("docs/%s can be followed as it is written", follow);

describe("at the same time:", () => {
  let before: string[];
  beforeAll(async () => {
    before = await cluster.inventory();
  });

  describe.concurrent("a page", () => {
    it.each(when("beside"))("docs/%s can be followed as it is written", follow);
  });

  it("what a page has made is gone when its reader has undone it", async () => {
    expect(await cluster.inventory()).toEqual(before);
  });
});

describe("one after the other:", () => {
  it.each(when("alone"))("docs/%s can be followed as it is written", follow);

  it("at the end no pod is left, and the node has nothing of one", async () => {
    // The pod of a DaemonSet that was deleted has a while to end.
    await until("nothing is left", async (tell) => {
      const left = (await cluster.inventory()).filter((one) => !/^ \/|\/etc\/cni\/net\.d\//.test(one));
      tell(left.join(", "));
      return left.length === 0;
    });
  });
});
