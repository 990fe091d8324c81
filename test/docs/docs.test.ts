// The pages of docs/ that people follow: each does what it says, on a real cluster, and leaves nothing behind.
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { until } from "../support/until.ts";
import { Cluster } from "./cluster.ts";
import { follow } from "./follow.ts";
import { readPage } from "./page.ts";
import { ALL, type ClusterPage, PAGES, pagesThatAre, REASONS } from "./pages.ts";
import { report } from "./report.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.open();
});
afterAll(async () => {
  await cluster?.close();
  console.log(report(PAGES));
});

const when = (which: ClusterPage["when"]) =>
  PAGES.filter((page) => page.when === which).map((page) => [page.path, page] as const);
const followed = (_: string, page: ClusterPage) => follow(cluster, page);

test("each page of docs/ that people follow is tried", () => {
  expect(ALL.map(({ path }) => path).sort()).toEqual(pagesThatAre());
});

test("each reason for what is not executed is one of a block or a page", () => {
  const words = ALL.flatMap(({ path }) => readPage(path).flatMap(({ words }) => words));
  const given = ALL.flatMap(({ unexecuted = [] }) => unexecuted);
  const used = [...given, ...words.flatMap((word) => /^unexecuted=(.+)/.exec(word)?.[1] ?? [])];
  expect([...new Set(used)].sort()).toEqual(Object.keys(REASONS).sort());
});

it.each(when("first"))("docs/%s can be followed as it is written", followed);

describe("at the same time:", () => {
  let before: string[];
  beforeAll(async () => {
    before = await cluster.inventory();
  });

  describe.concurrent("a page", () => {
    it.each(when("beside"))("docs/%s can be followed as it is written", followed);
  });

  it("what a page has made is gone when its reader has undone it", async () => {
    expect(await cluster.inventory()).toEqual(before);
  });
});

describe("one after the other:", () => {
  it.each(when("alone"))("docs/%s can be followed as it is written", followed);

  it("at the end no pod is left, and the node has nothing of one", async () => {
    // The pod of a DaemonSet that was deleted has a while to end.
    await until("nothing is left", async (tell) => {
      const left = (await cluster.inventory()).filter((one) => !/^ \/|\/etc\/cni\/net\.d\//.test(one));
      tell(`there are ${left.length}`);
      return left.length === 0;
    });
  });
});
