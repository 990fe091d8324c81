// A real node that is Multus's, becomes Plexus's, and Multus's again, while its pods run.
import { afterAll, beforeAll, expect, it } from "vitest";
import { bridge, Site } from "./site.ts";

let site: Site;
beforeAll(async () => {
  site = await Site.open();
  await site.nad("second", bridge("second", 1));
});
afterAll(() => site?.close());

/** Takes a program away, so that nothing on the node can be done by it. */
const hide = (name: string) => site.node.run("mv", `/opt/cni/bin/${name}`, `/opt/${name}.away`);
const show = (name: string) => site.node.run("mv", `/opt/${name}.away`, `/opt/cni/bin/${name}`);

it("pods that run keep their networks, new ones get theirs, and each is deleted cleanly by who has the node then", async () => {
  const early = await site.pod("early", "second");
  const longer = await site.pod("longer", "second");
  const secondOf = (pod: typeof early) => site.status(pod)[1]?.ips?.[0] ?? "";

  const said = await site.node.run("/opt/plexus", "migrate");
  expect(said).toContain("tried STATUS, and ADD up to its plugins: podnet (bridge) on eth0");
  expect(said).toContain("kubectl --namespace kube-system delete daemonset kube-multus-ds");
  await hide("multus");
  const late = await site.pod("late", "second");
  expect(await site.residents()).toHaveLength(1);
  for (const pod of [early, longer]) {
    await site.ping(pod, late.status?.podIP ?? "");
    await site.ping(pod, secondOf(late));
  }
  await site.node.remove(["early"]);

  await show("multus");
  await site.node.run("/opt/plexus", "migrate", "--back");
  await hide("plexus-shim");
  const last = await site.pod("last", "second");
  for (const pod of [longer, late]) await site.ping(pod, secondOf(last));
  await site.remove(longer, late, last);
  expect(site.node.files("/var/lib/cni/results")).toEqual([]); // the runtime's own, by the name of the conf
});
