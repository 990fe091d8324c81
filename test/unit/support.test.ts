// docs/support.md: which programs of others Plexus was tested with.
import { expect, test } from "vitest";
import { supportOf } from "../../scripts/support/support.ts";

test("docs/support.md has a column for each tier, and a row for each program that one of them worked with", () => {
  const text = supportOf({
    runtime: { Linux: "6.1.0", containerd: "1.6.20" },
    kube: { Linux: "6.1.0", etcd: "3.4.23" },
  });
  expect(text.slice(text.indexOf("|"))).toBe(`|  | kube | runtime |
| --- | --- | --- |
| Linux | 6.1.0 | 6.1.0 |
| etcd | 3.4.23 |  |
| containerd |  | 1.6.20 |
`);
});
