// Pods that a real kubelet and containerd run, attached by the daemon, as deploy/daemon has it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kustomization } from "./deployment.ts";
import { itMayBeReplaced } from "./lifecycle.ts";
import { bridge, Site } from "./site.ts";

let site: Site;
beforeAll(async () => {
  site = await Site.open(kustomization("daemon"));
  await site.nad("second", bridge("second", 1));
});
afterAll(() => site?.close());

it("a pod gets the networks that it asks for, leaves nothing, and it is the daemon that carries its calls out", async () => {
  const pod = await site.pod("two", "second");
  await site.expectNetworks(pod, "eth0", "net1");
  await site.remove(pod);
  const counted = await site.metrics("plexus_calls_total");
  const answered = (verb: string) =>
    Number(counted.find((line) => line.includes(`verb="${verb}",how="answered"`))?.split(" ")[1] ?? 0);
  expect(answered("ADD")).toBeGreaterThan(0);
  expect(answered("DEL")).toBeGreaterThan(0); // a kubelet may ask twice
});

describe("what is deployed", () => itMayBeReplaced(() => site));
