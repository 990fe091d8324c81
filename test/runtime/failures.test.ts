// Failures on a real node: what the kubelet and containerd make of them, and that `plexus explain` and `plexus doctor` name the
// cause of each. test/kube/failures.test.ts has the others, with real plugins and a real API server.
import * as fs from "node:fs";
import type { KubernetesObject } from "@kubernetes/client-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ApiServer } from "../support/apiserver.ts";
import { binary } from "../support/binary.ts";
import { until } from "../support/until.ts";
import { Node } from "./node.ts";
import { bridge, NETWORKS } from "./site.ts";

const ADMIN = "/root/admin.kubeconfig";
const CONF = "/etc/cni/net.d/00-plexus.conf";
const KUBECONFIG = "/etc/cni/net.d/plexus.d/plexus.kubeconfig";
const PLEXUS = "/opt/cni/bin/plexus";

let api: ApiServer;
let node: Node;
beforeAll(async () => {
  api = await ApiServer.start("any");
  node = await Node.start(api, equip);
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});

/** By hand, one-shot: nothing else is on the node than what is to be broken. */
function equip(one: Node): void {
  const own = { cniVersion: "1.0.0", name: "plexus", type: "plexus" };
  one.copy(binary, PLEXUS);
  one.write(KUBECONFIG, fs.readFileSync(api.kubeconfig("plexus", { url: one.apiUrl })), 0o600);
  one.write(ADMIN, fs.readFileSync(api.kubeconfig("admin", { url: one.apiUrl })), 0o600);
  one.write("/etc/cni/multus/net.d/10-podnet.conf", JSON.stringify(bridge("podnet", 0)));
  one.write(CONF, JSON.stringify({ ...own, kubeconfig: KUBECONFIG, clusterNetwork: "podnet" }));
}

async function nad(name: string, conf: object | string): Promise<void> {
  await api.admin.create({
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name, namespace: "default" },
    spec: { config: typeof conf === "string" ? conf : JSON.stringify(conf) },
  } as KubernetesObject);
}

/** Executes a command of Plexus on the node; what it prints, and its exit code at the end. */
function plexus(...args: string[]): Promise<string> {
  return node.run("sh", "-c", '"$@" 2>&1; echo "exit $?"', "sh", PLEXUS, ...args);
}

const explain = (name: string) => plexus("explain", `default/${name}`, "--kubeconfig", ADMIN);

/** Pod, its annotation, what of NetworkAttachmentDefinitions it needs, and what explain is to say. */
const BROKEN: [pod: string, networks: string | object[], nad: object | string | undefined, cause: RegExp][] =
  [
    ["absent", "nowhere", undefined, /An ADD fails, code 7: .*default\/nowhere/],
    ["typo", '[{"name":"typo"', undefined, /An ADD fails.*k8s\.v1\.cni\.cncf\.io\/networks/],
    ["plugin", "plugin", { cniVersion: "1.0.0", type: "no-such-plugin" }, /no plugin "no-such-plugin"/],
    [
      "master",
      "master",
      { cniVersion: "1.0.0", type: "macvlan", master: "ens9" },
      /FailedCreatePodSandBox: .*ens9/,
    ],
    [
      "full",
      "full",
      bridge("full", 5, {
        ranges: [
          [
            {
              subnet: "10.244.5.0/30",
              rangeStart: "10.244.5.2",
              rangeEnd: "10.244.5.2",
              gateway: "10.244.5.2",
            },
          ],
        ],
      }),
      /FailedCreatePodSandBox: .*10\.244\.5/,
    ],
    [
      "ipam",
      "ipam",
      { ...bridge("ipam", 6), ipam: { type: "no-such-ipam" } },
      /FailedCreatePodSandBox: .*no-such-ipam/,
    ],
    ["version", "version", { ...bridge("version", 7), cniVersion: "9.9.9" }, /9\.9\.9/],
    ["address", [{ name: "address", ips: ["10.1.0.300"] }], bridge("address", 8), /10\.1\.0\.300/],
    ["mac", [{ name: "mac", mac: "02:zz" }], bridge("mac", 10), /02:zz/],
    ["long", "long@a-name-of-sixteen", bridge("long", 11), /a-name-of-sixteen/],
    ["twice", "twice@same,twice@same", bridge("twice", 12), /An ADD fails.*same/],
    ["elsewhere", "elsewhere/storage", undefined, /An ADD fails, code 7: .*elsewhere\/storage/],
    ["untyped", "untyped", { cniVersion: "1.0.0", name: "untyped" }, /An ADD fails.*type/],
    ["loop", "loop", { cniVersion: "1.0.0", type: "plexus" }, /An ADD fails.*plexus/],
    ["torn", "torn", '{"cniVersion":"1.0.0","type":"bridge"', /An ADD fails.*default\/torn/],
  ];

it("the cause of each pod that stays in ContainerCreating is named, with the kubelet's own events", async () => {
  for (const [name, networks, conf] of BROKEN) {
    if (conf) await nad(name, conf);
    const text = typeof networks === "string" ? networks : JSON.stringify(networks);
    await node.create(name, { annotations: { [NETWORKS]: text } });
  }
  await until(
    "the kubelet tells of each",
    async (tell) => {
      const { items } = await api.core.listNamespacedEvent({ namespace: "default" });
      const told = items.filter(({ reason }) => reason === "FailedCreatePodSandBox");
      const missing = BROKEN.filter(
        ([name]) => !told.some(({ involvedObject }) => involvedObject.name === name),
      );
      tell(`it has not of ${missing.map(([name]) => name).join(", ")}`);
      return missing.length === 0;
    },
    120,
  );
  for (const [name, , , cause] of BROKEN) {
    const explained = await explain(name);
    expect(explained).toMatch(cause);
    expect(explained).toMatch(/\d{4}-\d\d-\d\dT[\d:.]+Z.* FailedCreatePodSandBox: /);
  }
  await node.remove(BROKEN.map(([name]) => name));
});

it("a pod that runs is explained with what it has", async () => {
  await nad("fine", bridge("fine", 9));
  await node.create("fine", { annotations: { [NETWORKS]: "fine" } });
  await node.running(["fine"]);
  const explained = await explain("fine");
  expect(explained).toMatch(/2 networks, attached in this order/);
  expect(explained).toMatch(/now state: attached: .*, net1, network default\/fine/);
  expect(await plexus("doctor", "--kubeconfig", ADMIN)).toMatch(/^ok {4}confs .*00-plexus\.conf/m);
  await node.remove(["fine"]);
});

/** What is broken, how it is mended, and what doctor is to say. */
const NODE: [what: string, break_: string, mend: string, says: RegExp][] = [
  [
    "a conf before Plexus's",
    'echo \'{"name":"a","type":"ptp"}\' > /etc/cni/net.d/00-a.conf',
    "rm /etc/cni/net.d/00-a.conf",
    /FAIL {2}confs .*00-a\.conf, which sorts before/,
  ],
  ["no conf of Plexus", `mv ${CONF} /root/`, `mv /root/00-plexus.conf ${CONF}`, /FAIL {2}confs /],
  [
    "a plugin that is gone",
    "mv /opt/cni/bin/bridge /root/",
    "mv /root/bridge /opt/cni/bin/",
    /FAIL {2}plugins .*no plugin bridge/,
  ],
  [
    "a kubeconfig that is gone",
    "mv /etc/cni/net.d/plexus.d /root/",
    "mv /root/plexus.d /etc/cni/net.d/",
    /FAIL {2}cluster .*there is no kubeconfig/,
  ],
  [
    "a default network that is gone",
    "mv /etc/cni/multus/net.d /root/",
    "mv /root/net.d /etc/cni/multus/",
    /FAIL {2}conf .*podnet/,
  ],
  [
    "an API server that is not where the kubeconfig has it",
    `cp ${KUBECONFIG} /root/; sed -i -E 's#(https://[^:]+):[0-9]+#\\1:1#' ${KUBECONFIG}`,
    `cp /root/plexus.kubeconfig ${KUBECONFIG}`,
    /FAIL {2}cluster .*:1\/.*nothing listens there/,
  ],
  [
    "a plugin that may not be executed",
    "chmod a-x /opt/cni/bin/bridge",
    "chmod a+x /opt/cni/bin/bridge",
    /FAIL {2}plugins .*bridge/,
  ],
  [
    "a torn conf",
    `cp ${CONF} /root/; echo '{"type":' > ${CONF}`,
    `mv /root/00-plexus.conf ${CONF}`,
    /FAIL {2}conf/,
  ],
  [
    "a key of the conf that is misspelt",
    `cp ${CONF} /root/; sed -i 's/"cniVersion"/"logLevle": "debug", "cniVersion"/' ${CONF}`,
    `mv /root/00-plexus.conf ${CONF}`,
    /warn {2}conf .*logLevle|FAIL {2}conf .*logLevle/,
  ],
];

it.each(NODE)("doctor names %s, on the node", async (_, break_, mend, says) => {
  await node.run("sh", "-c", break_);
  try {
    expect(await plexus("doctor")).toMatch(says);
  } finally {
    await node.run("sh", "-c", mend);
  }
});
