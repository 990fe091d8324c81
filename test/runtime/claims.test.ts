// A pod whose devices come from a ResourceClaim, on a real kubelet. Dynamic resource allocation is stable since 1.34: on an older
// one this test is not there (vitest.config.ts). It stands for the scheduler, and for the driver towards the API.
import * as fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { KubeConfig, ResourceV1Api, type V1Pod } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ensurePackages } from "../../scripts/provide/debian.ts";
import { Daemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";
import { kustomization } from "./deployment.ts";
import { NETWORKS, RESOURCE_NAME, Site } from "./site.ts";

const SCRIPT = fileURLToPath(new URL("fake-dra-driver.py", import.meta.url));
const DRIVER = "nic.plexus.test";
const RESOURCE = "plexus.test/claimed-nic";
const DEVICES = { "vf-a": "0000:01:00.2", "vf-b": "0000:01:00.1", "vf-c": "0000:01:00.3" };
const LOG = "/run/fake-claimed.log";

describe("on-demand:", () => {
  let site: Site;
  let driver: Daemon;
  let resources: ResourceV1Api;
  beforeAll(async () => {
    ensurePackages(["python3-grpcio"]);
    site = await Site.open(kustomization("thin"));
    const config = new KubeConfig();
    config.loadFromFile(site.api.kubeconfig("admin"));
    resources = config.makeApiClient(ResourceV1Api);
    // A kubelet that starts removes all slices of its node, once, in its own time: drivers publish them anew after that. The
    // first slices are there while no kubelet runs, so that it is the new one that removes them.
    await site.node.restartBoth(publish);
    await until("the kubelet has removed the slices", async () => {
      return (await resources.listResourceSlice()).items.length === 0;
    });
    await publish();
    const command = ["/usr/bin/python3", SCRIPT, join(site.node.dir, "kubelet"), DRIVER];
    driver = new Daemon("fake-dra-driver", command, site.node.dir);
    await driver.until("the kubelet has registered the driver", () =>
      fs.readFileSync(driver.log, "utf8").includes("registered"),
    );
  });
  afterAll(async () => {
    await driver?.stop("SIGKILL");
    await site?.close();
  });

  async function publish(): Promise<void> {
    const devices = Object.entries(DEVICES).map(([name, address]) => ({
      name,
      attributes: {
        "k8s.cni.cncf.io/deviceID": { string: address },
        "k8s.cni.cncf.io/resourceName": { string: RESOURCE },
      },
    }));
    const { name } = site.node;
    const pool = { name, generation: 1, resourceSliceCount: 1 };
    const spec = { driver: DRIVER, nodeName: name, pool, devices };
    await resources.createResourceSlice({ body: { metadata: { name: `${name}-nics` }, spec } });
  }

  /** A claim for one device that is allocated to a pod, as the scheduler does it. */
  async function allocate(name: string, device: string, pod: V1Pod, isMadeFor: boolean): Promise<void> {
    const { name: podName = "", uid = "" } = pod.metadata ?? {};
    const owner = { apiVersion: "v1", kind: "Pod", name: podName, uid, controller: true };
    const requests = [{ name: "nic", exactly: { deviceClassName: "nics" } }];
    const body = {
      metadata: { name, ...(isMadeFor && { ownerReferences: [owner] }) },
      spec: { devices: { requests } },
    };
    const claim = await resources.createNamespacedResourceClaim({ namespace: "default", body });
    const results = [{ request: "nic", driver: DRIVER, pool: site.node.name, device }];
    claim.status = {
      allocation: { devices: { results } },
      reservedFor: [{ resource: "pods", name: podName, uid }],
    };
    await resources.replaceNamespacedResourceClaimStatus({ name, namespace: "default", body: claim });
  }

  it("a pod's networks get the devices of its claims, one of which was made from a template", async () => {
    const namespace = "default";
    const script = `#!/bin/sh\n[ "$CNI_COMMAND" = ADD ] || exit 0\ncat >> ${LOG}; echo >> ${LOG}\n`;
    site.node.write("/opt/cni/bin/fake-claimed", `${script}echo '{"cniVersion":"1.0.0"}'\n`, 0o755);
    const conf = { cniVersion: "1.0.0", type: "fake-claimed" };
    await site.nad("claimed", conf, { [RESOURCE_NAME]: RESOURCE });
    await site.pod("first"); // from here on the process on the node follows the node's pods

    const body = site.node.pod("claiming", { annotations: { [NETWORKS]: "claimed,claimed" } });
    const [container] = body.spec?.containers ?? [];
    if (!body.spec || !container) throw new Error("a pod has a container");
    const claims = [{ name: "named" }, { name: "made" }];
    body.spec = {
      ...body.spec,
      nodeName: "", // until it is scheduled
      resourceClaims: [
        { name: "named", resourceClaimName: "nic" },
        { name: "made", resourceClaimTemplateName: "nic-template" },
      ],
      containers: [{ ...container, resources: { claims } }],
    };
    const created = await site.api.core.createNamespacedPod({ namespace, body });
    await allocate("nic", "vf-a", created, false);
    await allocate("claiming-made", "vf-b", created, true);
    const statuses = [{ name: "made", resourceClaimName: "claiming-made" }];
    created.status = { ...created.status, resourceClaimStatuses: statuses };
    await site.api.core.replaceNamespacedPodStatus({ name: "claiming", namespace, body: created });
    const target = { apiVersion: "v1", kind: "Node", name: site.node.name };
    const binding = { metadata: { name: "claiming" }, target };
    await site.api.core.createNamespacedPodBinding({ name: "claiming", namespace, body: binding });

    const pod = await site.running("claiming");
    const told = fs.readFileSync(site.node.machine.path(LOG), "utf8").trim().split("\n");
    expect(told.map((line) => JSON.parse(line).deviceID)).toEqual([DEVICES["vf-b"], DEVICES["vf-a"]]);
    const [first] = await site.node.running(["first"]);
    await site.remove(pod, ...(first ? [first] : []));
  });
});
