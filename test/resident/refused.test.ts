// A network that the shim refuses to execute a plugin for: the shim, like each call that it leaves to `plexus`, says why.
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Conf, type Container, Lab } from "../support/lab.ts";

let lab: Lab;
let container: Container;
beforeEach(async () => {
  lab = await Lab.open();
  lab.fake("fake-other");
  container = await lab.container();
});
afterEach(() => lab.close());

const CONFS: [string, string[], (lab: Lab) => Conf][] = [
  [
    "whose plugin plexus-shim.conf does not name",
    ["plugin bridge", "plugin host-local"],
    () => ({ type: "fake-other" }),
  ],
  [
    "whose IPAM plugin it does not name",
    ["plugin bridge", "plugin host-local"],
    () => ({ type: "bridge", bridge: "x", ipam: { type: "fake-other" } }),
  ],
  [
    "that names one anywhere, for nobody to execute",
    ["plugin bridge", "plugin host-local"],
    () => ({ ...lab.bridge("refused", 2), args: { cni: { type: "fake-other" } } }),
  ],
  [
    "whose second plugin it does not name, after one that it does",
    ["plugin bridge", "plugin host-local"],
    () => ({ plugins: [lab.bridge("x", 2), { type: "fake-other" }] }),
  ],
  [
    "whose IPAM plugin is a path",
    [],
    () => ({ type: "bridge", bridge: "x", ipam: { type: "../bin/fake-other" } }),
  ],
  [
    "whose IPAM plugin has a name that is longer than a file's",
    [],
    () => ({ type: "bridge", bridge: "x", ipam: { type: `${"./".repeat(200)}fake-other` } }),
  ],
];

test.each(CONFS)(
  "a network %s does not keep its pod: the ADD says why, and the first DEL succeeds",
  async (_, rights, make) => {
    await lab.resideOnDemand(...rights);
    const conf = lab.conf([lab.bridge("one", 1), { cniVersion: "1.0.0", name: "refused", ...make(lab) }]);
    for (let count = 0; count < 2; count++) {
      const { answer } = await lab.run("ADD", conf, { container });
      expect(answer).toMatchObject({ code: 7, msg: expect.stringContaining("network refused on net1: ") });
      expect(answer.msg).toMatch(/fake-other is not executed: /);
      expect(answer.msg).not.toContain("undoing what an ADD");
    }
    expect(await lab.run("DEL", conf, { container })).toMatchObject({ exitCode: 0 });
    expect(lab.calls("fake-other")).toEqual([]);
    const left = await lab.leftovers();
    expect(left).toEqual([expect.stringMatching(/^file .*\/orphans\/0000000001-never-/)]);
  },
);
