// The cases in the VM that go through Plexus, not the plugin alone.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { type KubeObject, startApiserver } from "../vectors/fake-apiserver.ts";
import { type Attachment, CNI_DIR, type Guest, inPod } from "./guest.ts";

export type Case = (guest: Guest) => void | Promise<void>;

export const plexusCases: Record<string, Case> = {
  "Plexus gives a pod two VFs, with no process of their own, and takes them back": (guest) => {
    const pod = guest.attachment("eth0");
    const conf = plexusConf([guest.conf(0), guest.conf(1, { vlan: 4 }), guest.conf(2)], {
      attach: "parallel",
    });
    const result = guest.must("plexus", "ADD", pod, conf);
    assert.equal(result.ips[0].address, "10.9.0.1/24");
    const links = JSON.parse(inPod(pod, "ip", "-j", "link", "show")).map(({ ifname }: any) => ifname);
    assert.deepEqual(links.sort(), ["eth0", "lo", "net1", "net2"]);
    assert.equal(guest.vfInfo(1).vlan_list[0].vlan, 4);
    guest.must("plexus", "CHECK", pod, { ...conf, prevResult: result });
    guest.must("plexus", "DEL", pod, conf);
    guest.removeNetns(pod);
  },

  "a pod gets the VF that the kubelet has given it, for the resource of its network": async (guest) => {
    const uid = "6704b9d1-8d9f-4c2b-a2f4-3e0a2c6a6d0e";
    const { ipam: _, deviceID: __, ...nadConf } = guest.conf(3) as Record<string, unknown>;
    const metadata = {
      namespace: "default",
      name: "vfs",
      annotations: { "k8s.v1.cni.cncf.io/resourceName": "intel.com/vf" },
    };
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        namespace: "default",
        name: "web",
        uid,
        annotations: { "k8s.v1.cni.cncf.io/networks": "vfs" },
      },
    };
    const api = await startApiserver({
      pods: [pod],
      nads: [
        {
          apiVersion: "k8s.cni.cncf.io/v1",
          kind: "NetworkAttachmentDefinition",
          metadata,
          spec: { config: JSON.stringify(nadConf) },
        } as KubeObject,
      ],
    });
    const checkpoint = "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint";
    fs.mkdirSync("/var/lib/kubelet/device-plugins", { recursive: true });
    const entry = {
      PodUID: uid,
      ContainerName: "c",
      ResourceName: "intel.com/vf",
      DeviceIDs: { "-1": [guest.vfs[3]] },
    };
    fs.writeFileSync(checkpoint, JSON.stringify({ Data: { PodDeviceEntries: [entry] }, Checksum: 1 }));
    const kubeconfig = "/run/plexus-test/kubeconfig";
    const clusters = [{ name: "c", cluster: { server: api.url } }];
    const contexts = [{ name: "c", context: { cluster: "c", user: "u" } }];
    const users = [{ name: "u", user: { token: "t" } }];
    fs.writeFileSync(kubeconfig, JSON.stringify({ clusters, contexts, users, "current-context": "c" }), {
      mode: 0o600,
    });
    try {
      const at = guest.attachment("eth0");
      const conf = plexusConf([guest.conf(0)], { kubeconfig });
      const { netns, id, ifname } = at;
      const args = `K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_UID=${uid};K8S_POD_INFRA_CONTAINER_ID=${id}`;
      const call = (verb: string) =>
        guest.start("plexus", verb, { netns, id, ifname }, conf, undefined, { CNI_ARGS: args });
      const added = await call("ADD");
      assert.equal(added.status, 0, JSON.stringify(added));
      const status = JSON.parse(
        api.pods[0]?.metadata.annotations?.["k8s.v1.cni.cncf.io/network-status"] ?? "[]",
      );
      assert.equal(status[1].name, "default/vfs");
      assert.equal(status[1].interface, "net1");
      assert.equal(status[1]["device-info"].pci["pci-address"], guest.vfs[3]);
      const deleted = await call("DEL");
      assert.equal(deleted.status, 0, JSON.stringify(deleted));
      guest.removeNetns(at);
    } finally {
      await api.close();
      fs.rmSync(checkpoint);
    }
  },

  "through the shim, a resident process gives a pod VFs and takes them back": async (guest) => {
    const at = guest.attachment("eth0");
    const conf = plexusConf([guest.conf(0), guest.conf(1, { driver: "vfio-pci", vlan: 4 })], {
      binDir: guest.plugins,
    });
    const stop = await guest.startResident();
    try {
      const added = guest.run("plexus-shim", "ADD", at, conf);
      assert.deepEqual([added.status, added.stderr], [0, ""], JSON.stringify(added));
      assert.equal(guest.driver(1), "vfio-pci");
      const deleted = guest.run("plexus-shim", "DEL", at, conf);
      assert.deepEqual([deleted.status, deleted.stderr], [0, ""]);
    } finally {
      stop();
    }
    guest.removeNetns(at);
  },

  "NADs of the SR-IOV CNI plugin's documentation work unchanged": (guest) => {
    for (const more of DOCUMENTED) {
      const pod: Attachment = guest.attachment();
      const conf = { ...more, deviceID: guest.vfs[1] };
      guest.must("sriov", "ADD", pod, conf);
      guest.must("sriov", "DEL", pod, conf);
      guest.removeNetns(pod);
    }
  },
};

const subnet = {
  type: "host-local",
  dataDir: "/run/plexus-test/ipam",
  subnet: "10.56.217.0/24",
  routes: [{ dst: "0.0.0.0/0" }],
  gateway: "10.56.217.1",
};
/** sriov-cni, README and docs/configuration-reference.md. */
const DOCUMENTED = [
  { cniVersion: "0.3.1", name: "sriov-network", type: "sriov", ipam: subnet },
  {
    cniVersion: "0.3.1",
    name: "sriov-advanced",
    type: "sriov",
    vlan: 1000,
    spoofchk: "off",
    trust: "on",
    ipam: subnet,
  },
  { cniVersion: "0.3.1", name: "sriov-nomaster", type: "sriov", vlan: 1000, vlanQoS: 4, logLevel: "debug" },
  { cniVersion: "0.3.1", name: "sriov-dpdk", type: "sriov", vlan: 1000 },
];

function plexusConf(delegates: object[], more: object): object {
  return { cniVersion: "1.0.0", name: "node", type: "plexus", cniDir: CNI_DIR, delegates, ...more };
}
