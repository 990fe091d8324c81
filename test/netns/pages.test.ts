// The page of docs/ for a node without Kubernetes: it does what it says, and leaves nothing behind.
import { afterAll, beforeAll, expect, it } from "vitest";
import { follow } from "../docs/follow.ts";
import { PODMAN_PAGES } from "../docs/pages.ts";
import { PodmanNode } from "../docs/podman-node.ts";
import { report } from "../docs/report.ts";

let node: PodmanNode;
beforeAll(async () => {
  node = await PodmanNode.open();
});
afterAll(async () => {
  await node?.close();
  console.log(report(PODMAN_PAGES));
});

it.each(PODMAN_PAGES.map((page) => [page.path, page] as const))(
  "docs/%s can be followed as it is written",
  async (_, page) => {
    const before = await node.inventory();
    await follow(node, page);
    expect(await node.inventory()).toEqual(before);
  },
);
