// Pods that a real kubelet and containerd run, one-shot, as Helm deploys it by deploy/chart.
import { afterAll, beforeAll, expect, it } from "vitest";
import { chart } from "./deployment.ts";
import { bridge, Site } from "./site.ts";

let site: Site;
beforeAll(async () => {
  site = await Site.open(chart({ install: { extraArgs: ["--one-shot"] } }));
  await site.nad("second", bridge("second", 1));
});
afterAll(() => site?.close());

it("pods keep their networks while kubelet and containerd restart, and no process of Plexus's stays", async () => {
  const before = await site.pod("before", "second");
  await site.node.restartKubelet();
  await site.node.restartContainerd();
  const after = await site.pod("after", "second");
  await site.ping(after, site.status(before)[1]?.ips?.[0] ?? "");
  await site.remove(before, after);
  expect(site.node.files("/run/plexus")).toEqual([]);
});

it("when the release is uninstalled, pods get the default network alone, and `plexus uninstall` detaches what earlier ones had", async () => {
  const kept = await site.pod("kept", "second");
  await site.deployment?.delete();
  const alone = await site.pod("alone", "second");
  expect(site.status(alone)).toEqual([]);
  await site.ping(alone, kept.status?.podIP ?? "");
  await site.node.remove(["kept", "alone"]); // containerd knows of the default network only
  await site.node.run("/opt/cni/bin/plexus", "uninstall");
  await site.expectNothingLeft();
});
