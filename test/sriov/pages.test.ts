// The pages of docs/ that want what this machine does not have: each does what it says on a node that is a VM.
import { afterAll, beforeAll, expect, it } from "vitest";
import { follow } from "../docs/follow.ts";
import { VM_PAGES } from "../docs/pages.ts";
import { report } from "../docs/report.ts";
import { VmNode } from "./node.ts";

let node: VmNode;
beforeAll(async () => {
  node = await VmNode.open();
});
afterAll(async () => {
  await node?.close();
  console.log(report(VM_PAGES));
});

it.each(VM_PAGES.map((page) => [page.path, page] as const))(
  "docs/%s can be followed as it is written",
  async (_, page) => {
    await follow(node, page);
    expect(await node.left()).toEqual("");
  },
);
