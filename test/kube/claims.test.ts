// Devices of a pod's ResourceClaims, as an API server serves them. Dynamic resource allocation is stable since 1.34: on an older
// one these tests are not there (vitest.config.ts). They stand for the scheduler and for the driver, both of which only write
// into the API.
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { KubeConfig, type KubernetesObject, ResourceV1Api } from "@kubernetes/client-node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ApiServer } from "../support/apiserver.ts";
import { type Sandbox, Site } from "../support/site.ts";
import { until } from "../support/until.ts";

/** deploy/claim-status, for the account that Plexus has here; tokens of these tests are of no node. */
const CLAIM_STATUS = fs
  .readFileSync(fileURLToPath(new URL("../../deploy/claim-status/rbac.yaml", import.meta.url)), "utf8")
  .replace("name: plexus-daemon", "name: plexus")
  .replace("associated-node:", "arbitrary-node:");

const GROUP = "resource.k8s.io/v1";
const RESOURCE = "vendor.example/vf";
const DRIVER = "nic.vendor.example";

describe("a pod's ResourceClaim", () => {
  let api: ApiServer;
  let site: Site;
  let resources: ResourceV1Api;
  beforeAll(async () => {
    api = await ApiServer.start();
    const config = new KubeConfig();
    config.loadFromFile(api.kubeconfig("admin"));
    resources = config.makeApiClient(ResourceV1Api);
  });
  afterAll(() => api?.stop());
  beforeEach(async () => {
    site = await Site.open(api);
    site.lab.fake("fake-nic");
    // As on a node none of whose devices come from device plugins.
    const checkpoint = join(kubeletRoot(), "device-plugins/kubelet_internal_checkpoint");
    fs.mkdirSync(dirname(checkpoint), { recursive: true });
    fs.writeFileSync(checkpoint, JSON.stringify({ Data: { PodDeviceEntries: [], RegisteredDevices: {} } }));
    const annotations = { "k8s.v1.cni.cncf.io/resourceName": RESOURCE };
    await site.nad("nic", { cniVersion: "1.1.0", type: "fake-nic" }, { annotations });
  });
  afterEach(() => site.close());

  const kubeletRoot = () => join(site.lab.dir, "kubelet");
  const run = (verb: string, pod: Sandbox) => site.run(verb, pod, site.conf({ kubeletRoot: kubeletRoot() }));
  const create = (object: object) => api.admin.create(object as KubernetesObject);

  /** The driver's part: says which devices the node has, by PCI address. */
  async function publish(pool: string, addresses: string[]): Promise<void> {
    const devices = addresses.map((address, index) => ({
      name: `vf-${index}`,
      attributes: {
        "k8s.cni.cncf.io/deviceID": { string: address },
        "k8s.cni.cncf.io/resourceName": { string: RESOURCE },
      },
    }));
    await create({
      apiVersion: GROUP,
      kind: "ResourceSlice",
      metadata: { name: pool },
      spec: {
        driver: DRIVER,
        nodeName: "node",
        pool: { name: pool, generation: 1, resourceSliceCount: 1 },
        devices,
      },
    });
  }

  /** A claim, and the scheduler's part: allocates it. */
  async function allocate(name: string, pool: string, devices: string[]): Promise<void> {
    const { namespace } = site;
    const requests = devices.map((_, index) => ({
      name: `r${index}`,
      exactly: { deviceClassName: "nics", allocationMode: "ExactCount", count: 1 },
    }));
    const body = { metadata: { name, namespace }, spec: { devices: { requests } } };
    const claim = await resources.createNamespacedResourceClaim({ namespace, body });
    const results = devices.map((device, index) => ({ request: `r${index}`, driver: DRIVER, pool, device }));
    claim.status = { allocation: { devices: { results } } };
    await resources.replaceNamespacedResourceClaimStatus({ name, namespace, body: claim });
  }

  it("gives each network its device, in the order of their addresses", async () => {
    const pool = `pool-${randomBytes(4).toString("hex")}`;
    await publish(pool, ["0000:3b:10.3", "0000:3b:10.2", "0000:3b:10.1"]);
    await allocate("vfs", pool, ["vf-0", "vf-2"]);
    const spec = { resourceClaims: [{ name: "nics", resourceClaimName: "vfs" }] };
    const pod = await site.pod("nic,nic", { spec });
    expect(await run("ADD", pod)).toMatchObject({ exitCode: 0, stderr: "" });
    const added = site.lab.calls("fake-nic").filter(({ verb }) => verb === "ADD");
    expect(added.map(({ conf }) => conf.deviceID)).toEqual(["0000:3b:10.1", "0000:3b:10.3"]);
    expect(await run("DEL", pod)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await site.lab.leftovers()).toEqual([]);
  });

  it("says which interface and addresses its device has, where that is wanted", async () => {
    const made = { name: "net1", mac: "02:00:00:00:00:05", sandbox: "/n" };
    const result = {
      cniVersion: "1.1.0",
      interfaces: [made],
      ips: [{ address: "10.1.0.5/24", interface: 0 }],
    };
    site.lab.fake("fake-nic", { ADD: `echo '${JSON.stringify(result)}'` });
    const { namespace } = site;
    await api.apply(CLAIM_STATUS);
    const resident = await site.lab.reside();
    await resident.stop();
    await resident.start(["resident", "--replace", "--claim-status"]);
    const pool = `pool-${randomBytes(4).toString("hex")}`;
    await publish(pool, ["0000:3b:10.5"]);
    await allocate("told", pool, ["vf-0"]);
    const spec = { resourceClaims: [{ name: "nics", resourceClaimName: "told" }] };
    const pod = await site.pod("nic", { spec });
    expect(await run("ADD", pod)).toMatchObject({ exitCode: 0 });
    const networkData = { interfaceName: "net1", ips: ["10.1.0.5/24"], hardwareAddress: made.mac };
    await until("the claim says so", async (tell) => {
      tell(resident.said());
      const { status } = await resources.readNamespacedResourceClaim({ name: "told", namespace });
      return (status?.devices ?? []).length > 0;
    });
    const { status } = await resources.readNamespacedResourceClaim({ name: "told", namespace });
    expect(status?.devices).toMatchObject([{ driver: DRIVER, pool, device: "vf-0", networkData }]);
  });

  it("of a template is found by the pod's status", async () => {
    const pool = `pool-${randomBytes(4).toString("hex")}`;
    await publish(pool, ["0000:3b:10.4"]);
    await allocate("made", pool, ["vf-0"]);
    const spec = { resourceClaims: [{ name: "nics", resourceClaimTemplateName: "template" }] };
    const pod = await site.pod("nic", { spec });
    const { name, namespace } = pod;
    const body = await api.core.readNamespacedPod({ name, namespace });
    body.status = { ...body.status, resourceClaimStatuses: [{ name: "nics", resourceClaimName: "made" }] };
    await api.core.replaceNamespacedPodStatus({ name, namespace, body });
    expect(await run("ADD", pod)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(site.lab.calls("fake-nic")[0]?.conf.deviceID).toBe("0000:3b:10.4");
  });

  it("that is not allocated yet makes the ADD fail, to be tried again, with nothing attached", async () => {
    const requests = [{ name: "r", exactly: { deviceClassName: "nics" } }];
    const { namespace } = site;
    const body = { metadata: { name: "open" }, spec: { devices: { requests } } };
    await resources.createNamespacedResourceClaim({ namespace, body });
    const pod = await site.pod("nic", {
      spec: { resourceClaims: [{ name: "nics", resourceClaimName: "open" }] },
    });
    const { exitCode, answer } = await run("ADD", pod);
    expect({ exitCode, code: answer.code }).toEqual({ exitCode: 1, code: 11 });
    expect(answer.msg).toContain(`ResourceClaim ${namespace}/open`);
    expect(await site.lab.leftovers()).toEqual([]);
  });
});
