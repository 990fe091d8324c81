// What a runtime hears of a network that cannot be attached: why, in its conf, and what the node has instead.
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Conf, type Container, Lab } from "../support/lab.ts";

let lab: Lab;
let container: Container;
beforeEach(async () => {
  lab = await Lab.open();
  container = await lab.container();
});
afterEach(() => lab.close());

/** The message of an ADD that has to fail, of a second network. */
async function refused(conf: Conf): Promise<string> {
  const whole = lab.conf([lab.bridge("one", 1), conf]);
  const { exitCode, answer } = await lab.run("ADD", whole, { container });
  expect(exitCode).toBe(1);
  expect(await lab.run("DEL", whole, { container })).toMatchObject({ exitCode: 0 });
  return answer.msg ?? "";
}

it("`master` that the node does not have: its own words, the key, and what there is", async () => {
  await lab.cable("par0", "10.222.4.1/24");
  const msg = await refused({ cniVersion: "1.0.0", name: "two", type: "macvlan", master: "par9", ipam: {} });
  expect(msg).toContain("network two on net1: ");
  expect(msg).toContain("Link not found");
  expect(msg).toContain(
    '`master` is "par9", which the node does not have; write one of the node\'s interfaces: ',
  );
  // Through the shim it is as below.
  if (process.env.PLEXUS_MODE !== "resident") expect(msg).toMatch(/ interfaces: .*\bpar0\b/);
  expect(msg).toMatch(/ \[unknown-interface]$/);
  expect(await lab.leftovers()).toEqual([]);
});

// The shim reads /sys/class/net, which in a lab is that of the machine: which interfaces it lists is not the node's.
it("through the shim too, from the resident process", async () => {
  await lab.reside();
  const msg = await refused({ cniVersion: "1.0.0", name: "two", type: "macvlan", master: "par9", ipam: {} });
  expect(msg).toMatch(
    /Link not found; `master` is "par9", which .* one of the node's interfaces: \w.* \[unknown-interface]$/,
  );
  expect(await lab.leftovers()).toEqual([]);
});

it("a range that is full", async () => {
  const ipam = {
    type: "host-local",
    dataDir: lab.dataDir,
    ranges: [[{ subnet: "10.222.9.0/24", rangeStart: "10.222.9.5", rangeEnd: "10.222.9.5" }]],
  };
  const conf = { cniVersion: "1.0.0", name: "two", type: "bridge", bridge: "br2", ipam };
  const first = await lab.container();
  const whole = lab.conf([lab.bridge("one", 1), conf]);
  expect(await lab.run("ADD", whole, { container: first })).toMatchObject({ exitCode: 0 });
  const { answer } = await lab.run("ADD", whole, { container });
  expect(answer.msg).toContain("no IP addresses available in range set: 10.222.9.5-10.222.9.5");
  expect(answer.msg).toContain(
    "the range of `ipam` has no address left; give it a larger one, or detach who has its addresses",
  );
  expect(answer.msg).toContain(`${lab.dataDir}/two is one`);
  for (const one of [container, first]) {
    expect(await lab.run("DEL", whole, { container: one })).toMatchObject({ exitCode: 0 });
  }
  expect(await lab.leftovers()).toEqual([]);
});

it("a plugin, or its IPAM plugin, whose name is nearly that of another", async () => {
  expect(await refused({ cniVersion: "1.0.0", name: "two", type: "macvln" })).toMatch(
    /there is no plugin "macvln" in .*if you mean `macvlan`, write that \[unknown-plugin]$/,
  );
  const ipam = { type: "host-locl" };
  expect(await refused({ cniVersion: "1.0.0", name: "two", type: "bridge", bridge: "br2", ipam })).toMatch(
    /failed to find plugin "host-locl" in path .*if you mean `host-local`, write that \[unknown-plugin]$/,
  );
});
