// Networks that come and go while pods run, on a real node, as deploy/hotplug has it: and what else happens meanwhile.
import * as fs from "node:fs";
import { join } from "node:path";
import type { V1Pod } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/until.ts";
import { kustomization } from "./deployment.ts";
import { startDevicePlugin } from "./fake-device-plugin.ts";
import { bridge, NETWORKS, RESOURCE_NAME, Site } from "./site.ts";

const NETS = ["a", "b", "c"];
const PINGS_A_SECOND = 20;
const EDITS = 20;
const PODS_AT_ONCE = 60;

let site: Site;
let survivors = 0;
beforeAll(async () => {
  site = await Site.open(kustomization("hotplug"));
  for (const [index, name] of NETS.entries())
    await site.nad(name, { ...bridge(name, index + 1), capabilities: { ips: true } });
});
afterAll(() => site?.close());

const nameOf = ({ metadata }: V1Pod) => metadata?.name ?? "";

async function edit(pod: V1Pod, networks: string | object[]): Promise<void> {
  const text = typeof networks === "string" ? networks : JSON.stringify(networks);
  await site.api.admin.patch({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: nameOf(pod), namespace: "default", annotations: { [NETWORKS]: text } },
  } as never);
}

/** The interfaces in the pod's namespace, without lo. */
async function links(pod: V1Pod): Promise<string[]> {
  const shown = await site.node.inside(pod, "ip", "-brief", "link", "show");
  return (shown.match(/^[^@\s]+/gm) ?? []).filter((name) => name !== "lo").sort();
}

/** Waits until the pod has these interfaces, in its namespace and in network-status. */
async function becomes(pod: V1Pod, ...interfaces: string[]): Promise<void> {
  await until(`${nameOf(pod)} has ${interfaces.join(", ")}`, async (tell) => {
    const now = await site.api.core.readNamespacedPod({ name: nameOf(pod), namespace: "default" });
    const said = site.status(now).map((one) => one.interface);
    const there = await links(pod);
    tell(`network-status has ${said.join(", ")}, the namespace ${there.join(", ")}`);
    return [said.sort(), there].every((some) => some.join() === [...interfaces].sort().join());
  });
}

/** Sends a ping each 50 ms from the pod's eth0 while the work is done. Not one may stay without an answer. */
async function withTraffic(pod: V1Pod, work: () => Promise<void>): Promise<void> {
  const pid = "/run/ping.pid";
  const interval = `${1 / PINGS_A_SECOND}`;
  const command = `echo $$ > ${pid}; exec ping -q -i ${interval} -I eth0 10.244.0.1`;
  const sent = site.node.inside(pod, "sh", "-c", command);
  sent.catch(() => undefined); // it is awaited below
  const beganMs = performance.now();
  try {
    await work();
  } finally {
    await site.node.run("sh", "-c", `kill -INT $(cat ${pid})`);
  }
  const [, transmitted, received] = /(\d+) packets transmitted, (\d+) received/.exec(await sent) ?? [];
  // The last one may be on its way when ping is ended.
  expect(Number(transmitted) - Number(received)).toBeLessThanOrEqual(1);
  expect(Number(transmitted)).toBeGreaterThan(((performance.now() - beganMs) / 1000) * PINGS_A_SECOND * 0.5);
}

/** Kills a process of the node by its command; the kubelet starts its container again. */
async function kill(command: string): Promise<void> {
  await site.node.run("pkill", "-KILL", "-f", "--", command);
}
const DAEMON = "^/opt/plexus/plexus daemon";
const EXECUTOR = "^plexus-shim --serve";

it("the executor is the node's own shim, in the node's namespaces, and has no right in the cluster", async () => {
  const [pid = ""] = (await site.node.run("pgrep", "-f", EXECUTOR)).split("\n");
  const of = (process: string, kind: string) => site.node.run("readlink", `/proc/${process}/ns/${kind}`);
  for (const kind of ["mnt", "net", "pid"]) expect(await of(pid, kind)).toBe(await of("1", kind));
  expect((await site.node.run("readlink", `/proc/${pid}/exe`)).trim()).toBe("/opt/cni/bin/plexus-shim");
  expect(site.node.files("/opt/cni/bin")).toContain("plexus-shim.conf");
});

describe("while other traffic of the pod flows, of which nothing is lost,", () => {
  it("networks are attached, changed and detached", async () => {
    const pod = await site.pod("changing", "a");
    await withTraffic(pod, async () => {
      await edit(pod, [{ name: "a" }, { name: "b", ips: ["10.244.2.50/24"] }]);
      await becomes(pod, "eth0", "net1", "net2");
      await site.expectNetworks(pod, "eth0", "net1", "net2");
      await site.node.inside(pod, "ping", "-c", "1", "-W", "5", "-I", "net2", "10.244.2.1");
      await edit(pod, [{ name: "a" }, { name: "b", ips: ["10.244.2.60/24"] }]);
      await until("it has the other address", async () =>
        (await site.node.inside(pod, "ip", "-4", "address", "show", "dev", "net2")).includes("10.244.2.60/"),
      );
      await edit(pod, "c@other");
      await becomes(pod, "eth0", "other");
      await edit(pod, "");
      await becomes(pod, "eth0");
    });
    await site.remove(pod);
  });

  it.each<[string, () => Promise<void>]>([
    ["the daemon is killed", () => kill(DAEMON)],
    ["the executor is killed", () => kill(EXECUTOR)],
    ["containerd is restarted", () => site.node.restartContainerd()],
    ["the kubelet is restarted", () => site.node.restartKubelet()],
    ["the pods of both are replaced", async () => site.deployment?.roll()],
  ])("%s in the middle of an edit, and the pod becomes what it asks for", async (_, happens) => {
    const pod = await site.pod(`surviving-${++survivors}`, "a"); // the API has an earlier one for a while yet
    await withTraffic(pod, async () => {
      await edit(pod, "a,b,c");
      await happens();
      await becomes(pod, "eth0", "net1", "net2", "net3");
      await edit(pod, "b@net2");
      await becomes(pod, "eth0", "net2");
    });
    await site.remove(pod);
  });
});

it("a network of devices gets the one that the pod has to spare, as the kubelet's checkpoint has it", async () => {
  const resource = "plexus.test/spare";
  const log = "/run/fake-nic.log";
  const script = `#!/bin/sh\n[ "$CNI_COMMAND" = ADD ] || exit 0\ncat >> ${log}; echo >> ${log}\n`;
  const made = `{"cniVersion":"1.0.0","interfaces":[{"name":"'$CNI_IFNAME'","sandbox":"'$CNI_NETNS'"}]}`;
  site.node.write("/opt/cni/bin/fake-nic", `${script}echo '${made}'\n`, 0o755);
  await site.nad("nic", { cniVersion: "1.0.0", type: "fake-nic" }, { [RESOURCE_NAME]: resource });
  const kubelet = join(site.node.dir, "kubelet");
  const plugin = startDevicePlugin(kubelet, resource, ["0000:01:00.1", "0000:01:00.2"], site.node.dir);
  try {
    await plugin.until("the node has the devices", async () => {
      const { status } = await site.api.core.readNode({ name: site.node.name });
      return status?.allocatable?.[resource] === "2";
    });
    const [container] = site.node.pod("").spec?.containers ?? [];
    const containers = container ? [{ ...container, resources: { limits: { [resource]: "1" } } }] : [];
    const pod = await site.pod("spare", "a", { containers });
    await edit(pod, "a,nic");
    await until("it is attached", async (tell) => {
      const now = await site.api.core.readNamespacedPod({ name: nameOf(pod), namespace: "default" });
      const { items } = await site.api.core.listNamespacedEvent({ namespace: "default" });
      tell(items.flatMap((event) => (event.involvedObject.name === "spare" ? event.message : [])).join("; "));
      return site.status(now).some(({ name }) => name === "default/nic");
    });
    const checkpoint = fs.readFileSync(join(kubelet, "device-plugins/kubelet_internal_checkpoint"), "utf8");
    const [entry] = JSON.parse(checkpoint).Data.PodDeviceEntries.filter(
      ({ PodUID }: { PodUID: string }) => PodUID === pod.metadata?.uid,
    );
    const { deviceID } = JSON.parse(fs.readFileSync(site.node.machine.path(log), "utf8"));
    expect(Object.values(entry.DeviceIDs as Record<string, string[]>).flat()).toEqual([deviceID]);
    await site.remove(pod);
  } finally {
    await plugin.stop();
  }
});

it("a pod that is deleted in the middle of an edit leaves nothing", async () => {
  for (let index = 0; index < 5; index++) {
    const pod = await site.pod(`deleted-${index}`, "a");
    await edit(pod, "b,c");
    await site.remove(pod);
  }
  await until("nothing is noted of them", () => site.node.files("/run/plexus-sandboxes").length === 0);
});

it("how long it takes from an edit to the interface", async () => {
  const pod = await site.pod("measured", "");
  const took: number[] = [];
  const gone: number[] = [];
  const timed = async (networks: string, isDone: (names: string[]) => boolean) => {
    const beganMs = performance.now();
    await edit(pod, networks);
    while (!isDone(await links(pod)));
    return performance.now() - beganMs;
  };
  for (let index = 0; index < EDITS; index++) {
    took.push(await timed("a", (names) => names.includes("net1")));
    gone.push(await timed("", (names) => !names.includes("net1")));
  }
  console.log(`hot-plug: ${EDITS} edits: median ${ms(took)} to an interface, ${ms(gone)} to none`);
  await site.remove(pod);
});

it("many pods that are edited at once get their networks", async () => {
  const names = Array.from({ length: PODS_AT_ONCE }, (_, index) => `many-${index}`);
  await Promise.all(names.map((name) => site.node.create(name)));
  const pods = await site.node.running(names);
  const beganMs = performance.now();
  await Promise.all(pods.map((pod) => edit(pod, "a")));
  await until("all have them", async (tell) => {
    const { items } = await site.api.core.listNamespacedPod({ namespace: "default" });
    const attached = items.filter(
      (pod) => names.includes(nameOf(pod)) && site.status(pod).length === 2,
    ).length;
    tell(`${attached} of ${names.length}`);
    return attached === names.length;
  });
  console.log(
    `hot-plug: ${PODS_AT_ONCE} pods at once: ${Math.round(performance.now() - beganMs)} ms to the last`,
  );
  await site.remove(...pods);
});

const ms = (all: number[]) => `${Math.round(all.toSorted((a, b) => a - b)[all.length >> 1] ?? 0)} ms`;
