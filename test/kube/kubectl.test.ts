// `kubectl plexus`, by the real kubectl, of pods that Plexus has attached with real plugins, at a real API server.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ensureKubectl } from "../../scripts/provide/kubectl.ts";
import { ApiServer } from "../support/apiserver.ts";
import { binary } from "../support/binary.ts";
import { type Sandbox, Site, type Status } from "../support/site.ts";

const TENANT = { name: "tenant" };

let api: ApiServer;
let site: Site;
let attached: Sandbox;
let failing: Sandbox;
/** kubectl and, beside it, the binary as its plugin. */
let path: string;

beforeAll(async () => {
  api = await ApiServer.start();
  site = await Site.open(api);
  path = join(api.dir, "bin");
  fs.mkdirSync(path);
  fs.symlinkSync(binary, join(path, "kubectl-plexus"));
  fs.symlinkSync(ensureKubectl(), join(path, "kubectl"));
  await site.nad("storage", site.lab.bridge("storage", 1));
  attached = await site.pod("storage");
  failing = await site.pod("storag");
  const added = await site.run("ADD", attached);
  expect(added, added.answer.msg).toMatchObject({ exitCode: 0 });
  expect((await site.run("ADD", failing)).exitCode).not.toBe(0);
  await site.events(failing);
});
afterAll(async () => {
  await site?.run("DEL", attached);
  await site?.close();
  await api?.stop();
});

/** Runs kubectl with a kubeconfig, or several. */
function kubectl(args: string[], kubeconfig = api.kubeconfig("admin")) {
  const env = { PATH: path, HOME: api.dir, KUBECONFIG: kubeconfig };
  const { status, stdout, stderr } = spawnSync(join(path, "kubectl"), args, { env, encoding: "utf8" });
  return { status, stdout, stderr };
}

it("lists a pod's interfaces as they are, and why another pod has none", async () => {
  const { status, stdout, stderr } = kubectl(["plexus", "-n", site.namespace]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const [eth0, net1] = (await site.status(attached)) as [Status, Status];
  const lines = stdout.split("\n").map((line) => line.split(/ {2,}/));
  expect(lines[0]).toEqual(["POD", "INTERFACE", "NETWORK", "ADDRESSES", "MAC", "DEVICE"]);
  expect(lines).toContainEqual([attached.name, "eth0", "podnet", eth0.ips?.join(","), eth0.mac, "-"]);
  const network = `${site.namespace}/storage`;
  expect(lines).toContainEqual([attached.name, "net1", network, net1.ips?.join(","), net1.mac, "-"]);
  expect(lines).toContainEqual([failing.name, "-", `${site.namespace}/storag`, "not attached", "-", "-"]);
  expect(stdout).toMatch(new RegExp(`\n${site.namespace}/${failing.name} .* NoNetworkFound .*storag`));
});

it("gives programs the same, and the node, in JSON; and Graphviz a graph", async () => {
  const json = JSON.parse(kubectl(["plexus", "--all-namespaces", "-o", "json"]).stdout);
  const pod = json.pods.find(({ name }: { name: string }) => name === attached.name);
  expect(pod).toMatchObject({ namespace: site.namespace, uid: attached.uid, node: "node" });
  const shown = pod.interfaces.map(({ interface: ifname, network, ips, mac }: Record<string, unknown>) => [
    ...[ifname, network, ips, mac],
  ]);
  expect(shown).toEqual(
    (await site.status(attached)).map((one) => [one.interface, one.name, one.ips, one.mac]),
  );
  expect(json.failures).toMatchObject([{ pod: failing.name, uid: failing.uid, reason: "NoNetworkFound" }]);
  const dot = kubectl(["plexus", "-n", site.namespace, "-o", "dot"]).stdout;
  expect(dot).toMatch(/^graph plexus \{.*pod\d -- network\d \[label="net1\\n[\d.]+\\n[\da-f:]+"\].*\}\n$/s);
});

it("is wide, of a network, of a node, of labels, as it is asked", () => {
  const names = (...args: string[]) => {
    const { status, stdout } = kubectl(["plexus", "pods", "-n", site.namespace, "-o", "json", ...args]);
    expect(status).toBe(0);
    return JSON.parse(stdout).pods.map(({ name }: { name: string }) => name);
  };
  expect(names("--network", "storage")).toEqual([attached.name]);
  expect(names("--network", `${site.namespace}/storag`)).toEqual([failing.name]);
  expect(names("--node", "node").sort()).toEqual([attached.name, failing.name].sort());
  expect(names("--node", "another")).toEqual([]);
  expect(names("-l", "app=web")).toEqual([]);
  const wide = kubectl(["plexus", "-n", site.namespace, "-o", "wide"]).stdout;
  expect(wide).toMatch(/^POD .* NODE +GATEWAYS +MTU +DEFAULT +MORE\n/);
  expect(wide).toMatch(/ eth0 +podnet .* node +- +- +yes +-\n/);
});

it("draws the same: a map as SVG, and as a page", () => {
  const svg = kubectl(["plexus", "map", "-n", site.namespace]);
  expect(svg).toMatchObject({ status: 0, stderr: "" });
  expect(svg.stdout).toMatch(/^<svg .*<\/svg>\n$/);
  for (const shown of [attached.name, "net1", "podnet", `${site.namespace}/storag`, "! NoNetworkFound"])
    expect(svg.stdout).toContain(shown);
  const page = kubectl(["plexus", "map", "--node", "node", "--output", "html"]).stdout;
  expect(page).toContain("<title>Networks of node node</title>");
  expect(page).toContain(`<td>${site.namespace}/${attached.name}</td>`);
});

it("whoever may only list pods of a namespace gets these, and is told what is missing", async () => {
  const { namespace } = site;
  await api.apply(`
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: tenant, namespace: ${namespace}}, rules: [{apiGroups: [""], resources: [pods], verbs: [list]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: tenant, namespace: ${namespace}}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: tenant}, subjects: [{kind: User, name: tenant, apiGroup: rbac.authorization.k8s.io}]}
`);
  const own = api.kubeconfig(TENANT);
  const listed = kubectl(["plexus", "-n", namespace], own);
  expect(listed.stdout).toContain(attached.name);
  expect(listed.stdout).not.toContain("NoNetworkFound");
  expect(listed.status).toBe(0);
  expect(listed.stderr).toMatch(
    /^failures are not shown, as events cannot be read: .*cannot list resource "events"/,
  );
  const all = kubectl(["plexus", "-A"], own);
  expect(all).toMatchObject({ status: 1, stdout: "" });
  expect(all.stderr).toMatch(
    /^kubectl plexus pods: .*cannot list resource "pods".*at the cluster scope.*RBAC role/,
  );
});

it("asks whom kubectl asks: of several kubeconfigs, in the context's namespace", () => {
  const admin = api.kubeconfig("admin");
  const other = join(api.dir, "other.kubeconfig");
  fs.writeFileSync(
    other,
    `{"contexts": [{"name": "mine", "context": {"cluster": "test", "user": "test-admin", "namespace": "${site.namespace}"}}], "current-context": "mine"}`,
    { mode: 0o600 },
  );
  const both = `${other}:${admin}`;
  expect(kubectl(["config", "current-context"], both).stdout).toBe("mine\n");
  expect(kubectl(["plexus"], both).stdout).toContain(attached.name);
  expect(kubectl(["plexus", "--context", "test"], both).stdout).toBe("there is no pod with networks\n");
  expect(kubectl(["plexus", "explain", `${site.namespace}/${failing.name}`], both).stdout).toContain(
    "storag",
  );
});

it("reads all pages of a large namespace", async () => {
  const namespace = `${site.namespace}-large`;
  await site.createNamespace(namespace);
  const status = JSON.stringify([{ name: "podnet", interface: "eth0", ips: ["10.0.0.1"] }]);
  for (let page = 0; page < 11; page++) {
    const made = Array.from({ length: 50 }, (_, index) =>
      api.core.createNamespacedPod({
        namespace,
        body: {
          metadata: {
            name: `p-${page}-${index}`,
            annotations: { "k8s.v1.cni.cncf.io/network-status": index === 7 ? "{" : status },
          },
          spec: { nodeName: "node", containers: [{ name: "c", image: "none" }] },
        },
      }),
    );
    await Promise.all(made);
  }
  const { stdout, stderr } = kubectl(["plexus", "-n", namespace, "-o", "json"]);
  const { pods, remarks } = JSON.parse(stdout);
  expect(pods).toHaveLength(550);
  expect(remarks).toContain(`pod ${namespace}/p-0-7: its network-status is not JSON`);
  expect(remarks).toHaveLength(11);
  expect(stderr).toBe("");
});
