// What a deployment goes through while pods come and go, as tests of the describe that calls this.
import { randomBytes } from "node:crypto";
import type { V1Pod } from "@kubernetes/client-node";
import { expect, it } from "vitest";
import { until } from "../support/until.ts";
import { NETWORKS, type Site } from "./site.ts";

const PODS_A_ROUND = 5;
/** The name of a container's scratch file. */
const SCRATCH = /^[0-9a-f]{64}$/;

/** @param open answers the site, once it is there, with the network `second` */
export function itMayBeReplaced(open: () => Site): void {
  it("may be rolled while pods come and go: each gets its networks, and nothing is left", async () => {
    const site = open();
    const roll = async () => site.deployment?.roll();
    await underLoad(site, roll, async (pods) => {
      for (const pod of pods) await site.expectNetworks(pod, "eth0", "net1");
      await site.node.remove(pods.map(nameOf));
    });
    await site.expectNothingLeft();
  });

  it("may be deleted, which leaves a working node, and applied again, while pods come and go", async () => {
    const site = open();
    const attached = [await site.pod("before", "second")];
    let [deletedMs, appliedMs, alone] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0];
    const work = async () => {
      deletedMs = performance.now();
      await site.deployment?.delete();
      await until("a pod has the default network alone", () => alone > 0);
      await site.deployment?.apply();
      appliedMs = performance.now();
    };
    await underLoad(site, work, async (pods, createdMs) => {
      // The runtime would delete these without Plexus while it is away: they stay until it is there again.
      attached.push(...pods.filter((pod) => site.status(pod).length > 0));
      const others = pods.filter((pod) => !attached.includes(pod));
      for (const pod of others) {
        const wasAway = deletedMs < performance.now() && createdMs < appliedMs;
        expect(wasAway, `Plexus was there, and has not attached ${nameOf(pod)}`).toBe(true);
        await site.ping(pod, "10.244.0.1");
        alone++;
      }
      await site.node.remove(others.map(nameOf));
    });
    attached.push(await site.pod("after", "second"));
    for (const pod of attached) await site.expectNetworks(pod, "eth0", "net1");
    await site.node.remove(attached.map(nameOf));
    await site.expectNothingLeftBut(SCRATCH);
  });

  it("is there again after a reboot, and each pod has its networks anew", async () => {
    const site = open();
    const names = Array.from({ length: 10 }, (_, index) => `rebooted-${index}`);
    await Promise.all(names.map((name) => site.node.create(name, { annotations: { [NETWORKS]: "second" } })));
    await site.node.running(names);
    await site.node.reboot();
    const pods = await until("the node's pods run again", async (tell) => {
      const { items } = await site.api.core.listNamespacedPod({ namespace: "default" });
      const running = items.filter(({ status }) =>
        status?.containerStatuses?.every(({ ready, restartCount }) => ready && restartCount > 0),
      );
      tell(`${running.length} of ${names.length}`);
      return running.length === names.length && running;
    });
    for (const pod of pods) await site.expectNetworks(pod, "eth0", "net1");
    await site.deployment?.ready();
    await site.node.remove(names);
    await site.expectNothingLeft();
  });
}

const nameOf = ({ metadata }: V1Pod) => metadata?.name ?? "";

/**
 * Creates pods, some at a time, until the work is done.
 *
 * @param take gets them as soon as all of them run, with the time before they were created
 */
async function underLoad(
  site: Site,
  work: () => Promise<unknown>,
  take: (pods: V1Pod[], createdMs: number) => Promise<void>,
): Promise<void> {
  const run = `load-${randomBytes(3).toString("hex")}`; // the API may have earlier ones for a while yet
  let isOver = false;
  const load = async () => {
    for (let round = 0; !isOver; round++) {
      const names = Array.from({ length: PODS_A_ROUND }, (_, index) => `${run}-${round}-${index}`);
      const createdMs = performance.now();
      await Promise.all(
        names.map((name) => site.node.create(name, { annotations: { [NETWORKS]: "second" } })),
      );
      await take(await site.node.running(names), createdMs);
    }
  };
  await Promise.all([load(), work().finally(() => (isOver = true))]);
}
