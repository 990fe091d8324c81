// Pods that a real kubelet and containerd run, attached by Plexus: on demand, as deploy/thin has it.
import * as fs from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/until.ts";
import { STATIC_PODS } from "./config.ts";
import { kustomization } from "./deployment.ts";
import { startDevicePlugin } from "./fake-device-plugin.ts";
import { itMayBeReplaced } from "./lifecycle.ts";
import { bridge, CONF_DIR, NETWORKS, RESOURCE_NAME, Site } from "./site.ts";

describe("on demand:", () => {
  let site: Site;
  beforeAll(async () => {
    site = await Site.open(kustomization("thin"));
    await site.nad("second", bridge("second", 1));
  });
  afterAll(() => site?.close());

  describe("a pod", () => {
    it("reaches Running with the networks it asks for, and leaves nothing when it is deleted", async () => {
      const pod = await site.pod("two", "second");
      expect(pod.status?.podIP).toMatch(/^10\.244\.0\./);
      const [first, second] = site.status(pod);
      expect(first).toMatchObject({
        name: "podnet",
        interface: "eth0",
        ips: [pod.status?.podIP],
        default: true,
      });
      expect(second).toMatchObject({ name: "default/second", interface: "net1" });
      const addresses = await site.node.inside(pod, "ip", "-4", "address", "show", "dev", "net1");
      expect(addresses).toContain(`${second?.ips?.[0]}/24`);
      await site.remove(pod);
    });

    it("gets the plugins of a conf's subdirectory too", async () => {
      const chained = { cniVersion: "1.0.0", name: "chained", plugins: [bridge("chained", 3)] };
      site.node.write(join(CONF_DIR, "20-chained.conflist"), JSON.stringify(chained));
      const tuning = { type: "tuning", allmulti: true };
      site.node.write(join(CONF_DIR, "chained/10-tuning.conf"), JSON.stringify(tuning));
      await site.nad("chained");
      const pod = await site.pod("chained", "chained");
      expect(await site.node.inside(pod, "ip", "link", "show", "net1")).toContain("ALLMULTI");
      await site.remove(pod);
    });

    it("that is static gets its networks, and its mirror says so", async () => {
      const manifest = join(STATIC_PODS, "static.json");
      const mirror = `static-${site.node.name}`;
      const { nodeName: _, ...spec } = site.node.pod("static").spec ?? { containers: [] };
      const metadata = { name: "static", namespace: "default", annotations: { [NETWORKS]: "second" } };
      site.node.write(manifest, JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata, spec }));
      const pod = await site.running(mirror);
      expect(site.status(pod)).toMatchObject([
        { name: "podnet", interface: "eth0", ips: [pod.status?.podIP] },
        { name: "default/second", interface: "net1" },
      ]);
      await site.node.run("rm", manifest);
      await until("the static pod is gone", () => site.node.networks().length === 0);
      await site.expectNothingLeft();
    });
  });

  describe("a device that the kubelet has given to a pod", () => {
    const RESOURCE = "plexus.test/nic";
    const DEVICES = ["0000:01:00.1", "0000:01:00.2", "0000:01:00.3", "0000:01:00.4"];
    const LOG = "/run/fake-nic.log";

    /** What the delegate was told, in the order of its calls. */
    const told = () =>
      fs
        .readFileSync(site.node.machine.path(LOG), "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).deviceID as string);

    it("reaches its network's plugin, from the pod-resources API and from the checkpoint", async () => {
      const script = `#!/bin/sh\n[ "$CNI_COMMAND" = ADD ] || exit 0\ncat >> ${LOG}; echo >> ${LOG}\n`;
      site.node.write("/opt/cni/bin/fake-nic", `${script}echo '{"cniVersion":"1.0.0"}'\n`, 0o755);
      const conf = { cniVersion: "1.0.0", type: "fake-nic" };
      await site.nad("nic", conf, { [RESOURCE_NAME]: RESOURCE });
      const kubelet = join(site.node.dir, "kubelet");
      const plugin = startDevicePlugin(kubelet, RESOURCE, DEVICES, site.node.dir);
      try {
        await plugin.until("the node has the devices", async () => {
          const { status } = await site.api.core.readNode({ name: site.node.name });
          return status?.allocatable?.[RESOURCE] === String(DEVICES.length);
        });
        const limits = { [RESOURCE]: "2" };
        const [container] = site.node.pod("").spec?.containers ?? [];
        const containers = container ? [{ ...container, resources: { limits } }] : [];

        const first = await site.pod("devices-1", "nic,nic", { containers });
        const socket = join(kubelet, "pod-resources/kubelet.sock");
        fs.renameSync(socket, `${socket}.away`);
        const second = await site.pod("devices-2", "nic,nic", { containers });
        fs.renameSync(`${socket}.away`, socket);

        const ids = told();
        expect(ids.toSorted()).toEqual(DEVICES);
        expect([ids.slice(0, 2), ids.slice(2)]).toEqual([ids.slice(0, 2).sort(), ids.slice(2).sort()]);
        const checkpoint = JSON.parse(
          fs.readFileSync(join(kubelet, "device-plugins/kubelet_internal_checkpoint"), "utf8"),
        );
        for (const [index, pod] of [first, second].entries()) {
          const entry = checkpoint.Data.PodDeviceEntries.find(
            ({ PodUID }: { PodUID: string }) => PodUID === pod.metadata?.uid,
          );
          const given = Object.values(entry.DeviceIDs as Record<string, string[]>).flat();
          expect(given.sort()).toEqual(ids.slice(2 * index, 2 * index + 2));
        }
        await site.remove(first, second);
      } finally {
        await plugin.stop();
      }
    });
  });

  describe("pods outlast", () => {
    it("an API server that is away while they are deleted, and while they are created", async () => {
      const lifecycle = { preStop: { exec: { command: ["sleep", "4"] } } };
      const [container] = site.node.pod("").spec?.containers ?? [];
      const pod = await site.pod(
        "deleted",
        "second",
        container ? { containers: [{ ...container, lifecycle }] } : {},
      );
      const { netns } = site.node.sandbox(pod);
      const path = site.node.machine.path(netns);
      await site.api.core.deleteNamespacedPod({ name: "deleted", namespace: "default" });
      await until("kubelet stops the pod", async () => {
        const { items } = await site.api.core.listNamespacedEvent({ namespace: "default" });
        return items.some(
          ({ reason, involvedObject }) => reason === "Killing" && involvedObject.name === "deleted",
        );
      });
      await site.api.down();
      await until("its network is gone", () => !fs.existsSync(path));
      await site.expectNothingLeft();
      await site.api.up();

      site.api.pause();
      setTimeout(() => site.api.resume(), 3000);
      const created = await site.pod("created", "second");
      await site.remove(created);
    });
  });

  it("a node that boots with 100 pods starts one process for them all, and they leave no file and no interface", async () => {
    const names = Array.from({ length: 100 }, (_, index) => `booted-${index}`);
    try {
      await site.node.restartBoth(async () => {
        for (const pid of await site.residents()) await site.node.run("kill", "-9", String(pid));
        await site.node.run("rm", "-rf", "/run/plexus");
        site.noteStarts();
        await Promise.all(
          names.map((name) => site.node.create(name, { annotations: { [NETWORKS]: "second" } })),
        );
      });
      const pods = await site.node.running(names);
      expect(new Set(pods.map(({ status }) => status?.podIP)).size).toBe(100);
      expect(site.starts()).toEqual(["resident"]);
      expect((await site.residents()).length).toBe(1);
    } finally {
      await site.node.remove(names); // a hundred would be in the way of the next tests
    }
    await site.expectNothingLeft();
    expect(site.starts()).toEqual(["resident"]);
  });

  describe("what is deployed", () => itMayBeReplaced(() => site));
});
