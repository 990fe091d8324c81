// Pods that a real kubelet and containerd run, attached by Plexus.
import * as fs from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { binary } from "../binary.ts";
import { ApiServer } from "../kube/apiserver.ts";
import { Node } from "./node.ts";

const NETWORK_STATUS = "k8s.v1.cni.cncf.io/network-status";
const STATE = "/var/lib/cni/multus";

let api: ApiServer;
let node: Node;
beforeAll(async () => {
  api = await ApiServer.start();
  node = await Node.start(api, (one) => {
    one.copy(binary, "/opt/cni/bin/plexus");
    const kubeconfig = "/etc/cni/net.d/plexus.d/plexus.kubeconfig";
    one.write(kubeconfig, fs.readFileSync(api.kubeconfig("plexus", { url: one.apiUrl })), 0o600);
    const conf = {
      cniVersion: "1.0.0",
      name: "plexus",
      type: "plexus",
      kubeconfig,
      clusterNetwork: "podnet",
    };
    one.write("/etc/cni/net.d/00-plexus.conf", JSON.stringify(conf));
    one.write("/etc/cni/multus/net.d/10-podnet.conf", JSON.stringify(bridge("podnet", 0)));
  });
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});

function bridge(name: string, number: number) {
  const ranges = [[{ subnet: `10.244.${number}.0/24` }]];
  return {
    cniVersion: "1.0.0",
    name,
    type: "bridge",
    bridge: `br${number}`,
    isGateway: true,
    ipam: { type: "host-local", ranges },
  };
}

it("a pod reaches Running with the networks it asks for, and leaves nothing when it is deleted", async () => {
  await api.admin.create({
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name: "second", namespace: "default" },
    spec: { config: JSON.stringify(bridge("second", 1)) },
  } as object as Parameters<typeof api.admin.create>[0]);
  await node.create("two", { annotations: { "k8s.v1.cni.cncf.io/networks": "second" } });
  const [pod] = await node.running(["two"]);
  if (!pod) throw new Error("the pod is not there");

  expect(pod.status?.podIP).toBe("10.244.0.2");
  expect(JSON.parse(pod.metadata?.annotations?.[NETWORK_STATUS] ?? "[]")).toMatchObject([
    { name: "podnet", interface: "eth0", ips: ["10.244.0.2"], default: true },
    { name: "default/second", interface: "net1", ips: ["10.244.1.2"] },
  ]);
  expect(await node.inside(pod, "ip", "-4", "address", "show", "dev", "net1")).toContain("10.244.1.2/24");
  await node.remove(["two"]);
  expect(node.files(STATE)).toEqual([]);
  expect(node.files("/var/lib/cni/networks").filter((name) => /\/10\./.test(name))).toEqual([]);
});

it("100 pods at once all run, and all go, and leave no file and no interface", async () => {
  const names = Array.from({ length: 100 }, (_, index) => `many-${index}`);
  await Promise.all(
    names.map((name) => node.create(name, { annotations: { "k8s.v1.cni.cncf.io/networks": "second" } })),
  );
  const pods = await node.running(names, { seconds: 140 });
  expect(new Set(pods.map(({ status }) => status?.podIP)).size).toBe(100);
  await node.remove(names, { seconds: 140 });
  expect(node.files(STATE)).toEqual([]);
  expect(node.files("/var/lib/cni/networks").filter((name) => /\/10\./.test(name))).toEqual([]);
  expect(await node.run("ip", "-brief", "link", "show", "type", "veth")).not.toMatch(/^veth/m);
});
