// What lint says of the networks of a pod, by what it knows beside the pod: Plexus's conf, and the networks that there are.
import { expect, test } from "vitest";
import { lintSources } from "../../launcher/cli/findings.ts";
import { faultOf, loadCore, loadLint } from "../support/core.ts";

const core = loadLint();
const NETWORKS = "k8s.v1.cni.cncf.io/networks";
const DEFAULT = "v1.multus-cni.io/default-network";

interface Beside {
  conf?: Record<string, unknown>;
  networks?: string[];
  namespace?: string;
}

function pod(annotations: Record<string, unknown>): unknown {
  const texts = Object.entries(annotations).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "web", annotations: Object.fromEntries(texts) } };
}

/** Returns `severity rule` of each finding in a pod. */
function found(annotations: Record<string, unknown>, { conf, networks, namespace = "default" }: Beside = {}) {
  const head = { cniVersion: "1.0.0", name: "node", type: "plexus" };
  const sources = [{ name: "pod.json", text: JSON.stringify(pod(annotations)) }];
  if (conf) sources.unshift({ name: "plexus.conf", text: JSON.stringify({ ...head, ...conf }) });
  const known = networks ? { networks } : {};
  return lintSources(core, sources, namespace, known).located.map(
    ({ severity, rule }) => `${severity} ${rule}`,
  );
}

test("an interface name that a network may be given is an error only if it is known where the numbers begin", () => {
  const annotations = { [NETWORKS]: [{ name: "a" }, { name: "b", interface: "net1" }] };
  const clusterNetwork = "calico";
  expect(found(annotations)).toEqual(["warning same-interface"]);
  expect(found(annotations, { conf: { clusterNetwork } })).toEqual(["error same-interface"]);
  const asked = {
    [NETWORKS]: [
      { name: "a", interface: "x" },
      { name: "b", interface: "x" },
    ],
  };
  expect(found(asked)).toEqual(["error same-interface"]);
});

test("the conf's `defaultNetworks` have the first interface names, but not in pods of the system", () => {
  const conf = { clusterNetwork: "calico", defaultNetworks: ["storage"] };
  const second = { [NETWORKS]: [{ name: "a" }, { name: "b", interface: "net2" }] };
  const first = { [NETWORKS]: [{ name: "a" }, { name: "b", interface: "net1" }] };
  const third = { [NETWORKS]: [{ name: "a" }, { name: "b", interface: "net3" }] };
  expect(found(second, { conf })).toEqual(["error same-interface"]);
  expect(found(first, { conf })).toEqual(["error same-interface"]);
  expect(found(third, { conf })).toEqual([]);
  expect(found(second, { conf, namespace: "kube-system" })).toEqual([]);
  expect(found(second, { conf: { ...conf, systemNamespaces: ["default"] } })).toEqual([]);
  const delegates = [
    { type: "bridge", name: "x" },
    { type: "bridge", name: "y" },
  ].map((one) => ({
    cniVersion: "1.0.0",
    ...one,
  }));
  expect(found(second, { conf: { delegates } })).toEqual(["error same-interface"]);
});

test("the default network is looked for in the namespace that the conf names", () => {
  const networks = ["networks/blue", "kube-system/red"];
  const blue = { [DEFAULT]: "blue" };
  const conf = { clusterNetwork: "calico", multusNamespace: "networks" };
  expect(found(blue, { networks, conf })).toEqual([]);
  expect(found({ [DEFAULT]: "red" }, { networks, conf })).toEqual(["error unknown-network"]);
  expect(found({ [DEFAULT]: "red" }, { networks, conf: { clusterNetwork: "calico" } })).toEqual([]);
});

test("if no conf says where, a default network without a namespace is not called missing, and one with it is", () => {
  const networks = ["networks/blue"];
  expect(found({ [DEFAULT]: "blue" }, { networks })).toEqual([]);
  expect(found({ [DEFAULT]: [{ name: "blue" }] }, { networks })).toEqual([]);
  expect(found({ [DEFAULT]: "other/blue" }, { networks })).toEqual(["error unknown-network"]);
  expect(found({ [DEFAULT]: [{ name: "blue", namespace: "other" }] }, { networks })).toEqual([
    "error unknown-network",
  ]);
});

test("the default network is one, and may have the runtime's interface name", () => {
  expect(found({ [DEFAULT]: "a,b" })).toEqual(["error out-of-range"]);
  expect(found({ [DEFAULT]: [{ name: "a", interface: "eth0" }] })).toEqual([]);
});

test("a file with too many values is called that, and not invalid", () => {
  const text = `{"kind": "Pod", "spec": [${"1,".repeat(260_000)}1]}`; // as YAML it takes ten times as long
  const { located } = lintSources(core, [{ name: "f.yaml", text }], "default");
  expect(located.map(({ rule, found: what, remedy }) => [rule, what, remedy])).toEqual([
    ["out-of-range", "these documents have more than 250000 values in all", "give fewer of them at once"],
  ]);
  const deep = `${"[".repeat(1200)}${"]".repeat(1200)}`;
  expect(lintSources(core, [{ name: "f.json", text: deep }], "default").located).toMatchObject([
    { rule: "out-of-range", found: "it is nested deeper than 1000" },
  ]);
});

test("kinds of other groups, and members that have other meanings, are left alone", () => {
  const fine = [
    { apiVersion: "batch.volcano.sh/v1alpha1", kind: "Jobs", metdata: {} },
    { apiVersion: "argoproj.io/v1alpha1", kind: "Workflow", spec: { templates: [] } },
    { apiVersion: "v1", kind: "Node", metadata: { annotation: {} } },
    { apiVersion: "v1", kind: "ConfigMap", data: {} },
    { apiVersion: "apps/v1", kind: "DeploymentList", items: [] },
    { apiVersion: "k8s.cni.cncf.io/v1", kind: "NetworkAttachmentDefinitionList", items: [] },
    { apiVersion: "v1", kind: "PodList", items: [{ metadata: { name: "web", annotations: null } }] },
  ];
  const sources = fine.map((one, index) => ({ name: `${index}.json`, text: JSON.stringify(one) }));
  expect(lintSources(core, sources, "default").located).toEqual([]);
});

test.each([
  ["a name", { name: "A" }],
  ["a namespace", { name: "a", namespace: "A_" }],
  ["an interface", { name: "a", interface: "a/b" }],
  ["a MAC address", { name: "a", mac: "x" }],
  ["a GUID", { name: "a", "infiniband-guid": "x" }],
  ["a device", { name: "a", deviceID: "../x" }],
])("what %s has to be is said by an ADD and by lint in the same words", (_, element) => {
  const annotation = JSON.stringify([element]);
  const { message } = faultOf(() => loadCore().selection({ annotation, namespace: "default" }));
  const rule = /must .*(?=, not ")/.exec(message)?.[0];
  expect(rule).toBeDefined();
  const { findings } = core.lint({ documents: [{ text: annotation, kind: "annotation" }] });
  expect(findings.map(({ remedy }) => remedy)).toEqual([`it ${rule}`]);
});

test("a default-route is looked for in the network's subnets, and in those of the addresses that are asked for", () => {
  const config = {
    cniVersion: "1.0.0",
    type: "macvlan",
    capabilities: { ips: true },
    ipam: { type: "static", addresses: [{ address: "10.1.0.5/24" }] },
  };
  const kind = "NetworkAttachmentDefinition";
  const nad = { kind, metadata: { name: "a" }, spec: { config: JSON.stringify(config) } };
  const rulesOf = (more: object) => {
    const text = [nad, pod({ [NETWORKS]: [{ name: "a", ...more }] })]
      .map((one) => JSON.stringify(one))
      .join("\n---\n");
    return lintSources(core, [{ name: "all.yaml", text }], "default").located.map(({ rule }) => rule);
  };
  expect(rulesOf({ "default-route": ["10.1.0.1"] })).toEqual([]);
  expect(rulesOf({ "default-route": ["::ffff:10.1.0.1"] })).toEqual([]);
  expect(rulesOf({ "default-route": [] })).toEqual([]);
  expect(rulesOf({ "default-route": ["fe80::1"] })).toEqual([]);
  expect(rulesOf({ "default-route": ["10.2.0.1"] })).toEqual(["outside-subnet"]);
  expect(rulesOf({ "default-route": ["fd00::1"] })).toEqual(["outside-subnet"]);
  const ips = ["10.1.0.7/16"];
  expect(rulesOf({ ips, "default-route": ["10.1.9.1"] })).toEqual([]);
  expect(rulesOf({ ips, "default-route": ["10.2.0.1"] })).toEqual(["outside-subnet"]);
});
