// Well-formed documents for each operation, to start mutating from.
import { loadCore } from "../support/core.ts";

const core = loadCore();
const runtime = { containerId: "c1", netns: "/n", ifname: "eth0", args: "K8S_POD_NAME=p;FOO=a=b" };
const { netns: _, ...call } = runtime;
const container = { containerId: "c1", netns: "/n" };

const conf = {
  cniVersion: "1.0.0",
  name: "n",
  type: "x",
  capabilities: { mac: true, ips: true },
  args: { cni: { k: 1 } },
};
const conflist = {
  cniVersions: ["0.4.0", "1.1.0"],
  name: "l",
  disableGC: "true",
  plugins: [conf, { type: "y" }],
};
const selection = {
  interface: "if0",
  ips: ["10.0.0.5/24", "fd00::5"],
  mac: "02:00:00:00:00:01",
  defaultRoute: ["10.0.0.1"],
  cniArgs: '{"k":2,"n":{"m":[1]}}',
  portMappings: '[{"hostPort":1,"containerPort":2,"protocol":"UDP"}]',
  bandwidth: '{"ingressRate":1}',
};
const networks = [
  { conf: JSON.stringify(conf), source: "one" },
  {
    conf: JSON.stringify(conflist),
    source: "two",
    name: "ns/l",
    selection,
    device: { id: "0000:01:00.1", resourceName: "v/r" },
  },
];
const runtimeConfig = '{"mac":"02:00:00:00:00:02","vendor":[1]}';
const planned = core.plan({ runtime, networks, runtimeConfig });
const result = {
  cniVersion: "1.1.0",
  interfaces: [{ name: "h" }, { name: "eth0", mac: "02:00:00:00:00:01", mtu: 9000, sandbox: "/n" }],
  ips: [{ address: "10.0.0.2/24", gateway: "10.0.0.1", interface: 1 }, { address: "fd00::2/64" }],
  routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }, { dst: "fd01::/64" }],
  dns: { nameservers: ["1.1.1.1"], domain: "d" },
};
const oldResult = {
  cniVersion: "0.2.0",
  ip4: { ip: "10.0.0.2/24", routes: [{ dst: "0.0.0.0/0" }] },
  dns: {},
};
const results = [JSON.stringify(result), JSON.stringify(oldResult)];
const caches = planned.delegates.map((delegate) =>
  core.remember({ delegate, result: results[0] as string, runtime }),
);

const inputs: Record<string, unknown[]> = {
  json: [result, { "é\u0000\\": [1e99, -0.5, null, { a: [[], {}] }] }, "text"],
  netconf: [
    {
      cniVersion: "1.0.0",
      name: "m",
      delegates: [conf, conflist],
      runtimeConfig: { a: 1 },
      logOptions: { maxAge: 1 },
    },
    {
      name: "m",
      clusterNetwork: "x",
      defaultNetworks: ["y"],
      globalNamespaces: "a, b",
      systemNamespaces: ["s"],
      "cni.dev/valid-attachments": [{ containerID: "c", ifname: "i" }],
      capabilityCheck: "fail",
      runtimePortMappings: "all",
      kubeletRoot: "/k",
    },
  ],
  environment: [
    {
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: "c",
      CNI_NETNS: "/n",
      CNI_IFNAME: "i",
      CNI_PATH: "/b",
      cniVersion: "1.1.0",
    },
  ],
  describe: [
    { conf: JSON.stringify(conf), source: "s" },
    { conf: JSON.stringify(conflist), source: "s", plugins: [JSON.stringify(conf)] },
  ],
  selection: [
    { annotation: "a, n/b@if0,c", namespace: "d", maxNetworks: 5 },
    {
      annotation: JSON.stringify([
        {
          name: "a",
          namespace: "n",
          interface: "i",
          ips: ["10.0.0.1/24", "fd00::1"],
          mac: "02:00:00:00:00:01",
          "ipam-claim-reference": "",
          "infiniband-guid": "24:8a:07:03:00:8d:ae:2e",
          "default-route": ["10.0.0.1"],
          portMappings: [{ hostPort: 1, containerPort: 2, protocol: "tcp", hostIP: "::1" }],
          bandwidth: { ingressRate: 1, ingressBurst: 2 },
          "cni-args": { a: 1 },
        },
      ]),
    },
  ],
  plan: [
    { runtime: { ...call, network: "n" }, networks, runtimeConfig, scratch: planned.scratch },
    { runtime: call, networks, runtimeConfig, runtimePortMappings: "all" },
  ],
  invoke: planned.delegates.flatMap((delegate) => [
    { verb: "ADD", plugin: 0, delegate, runtime: container, prevResult: results[0] },
    { verb: "DEL", plugin: 0, delegate, runtime: container, prevResult: results[1] },
    {
      verb: "GC",
      plugin: 0,
      delegate,
      runtime: container,
      validAttachments: '[{"containerID":"c","ifname":"i"}]',
    },
  ]),
  outcome: [
    { plugin: "p", cniVersion: "1.0.0", exitCode: 0, stdout: results[0], stderr: "", expectsResult: true },
    {
      plugin: "p",
      cniVersion: "",
      exitCode: 1,
      stdout: '{"code":7,"msg":"m","details":"d"}',
      stderr: "e",
      expectsResult: true,
    },
  ],
  remember: planned.delegates.map((delegate) => ({ delegate, result: results[0], runtime: container })),
  recover: [
    { runtime: call, runtimeConfig, scratch: planned.scratch, caches },
    { runtime: call, caches },
    { runtime: call, scratch: planned.scratch, caches: [], runtimePortMappings: "all" },
  ],
  convert: results.flatMap((text) =>
    ["0.2.0", "0.4.0", "1.0.0", "1.1.0"].map((cniVersion) => ({ result: text, cniVersion })),
  ),
  status: [
    {
      attachments: planned.delegates.map((delegate, index) => ({
        delegate,
        result: results[index],
        deviceInfo: '{"type":"pci"}',
      })),
    },
  ],
};

const definition = {
  apiVersion: "k8s.cni.cncf.io/v1",
  kind: "NetworkAttachmentDefinition",
  metadata: { name: "a", annotations: { "k8s.v1.cni.cncf.io/resourceName": "v/r" } },
  spec: { config: JSON.stringify({ ...conf, ipam: { type: "host-local", subnet: "10.0.0.0/24" } }) },
};
const networkList = JSON.stringify([
  { name: "a", namespace: "n", ips: ["10.0.0.1/24"], mac: "02:00:00:00:00:01", interface: "net1" },
  { name: "b", "default-route": ["10.0.0.1", "fd00::1"], bandwidth: { ingressRate: 1, ingressBurst: 2 } },
]);
const pod = {
  kind: "Pod",
  metadata: { name: "p", annotations: { "k8s.v1.cni.cncf.io/networks": networkList } },
};
const settings = { name: "m", type: "plexus", delegates: [conf, conflist], logOptions: { maxAge: 1 } };
const whereabouts = {
  ...conf,
  type: "macvlan",
  master: "eth0",
  ipam: { type: "whereabouts", range: "10.0.0.5-10.0.0.9/24", exclude: ["10.0.0.7/32"] },
};
const deployment = { kind: "Deployment", spec: { template: { metadata: pod.metadata } } };
const lintInputs = [
  { documents: [definition, pod, settings].map((one) => ({ text: JSON.stringify(one) })) },
  {
    documents: [
      { text: JSON.stringify({ kind: "List", items: [deployment, definition] }, null, 1), namespace: "n" },
    ],
    networks: ["n/a", "n/b"],
  },
  {
    documents: [
      { text: "a, n/b@if0,c", kind: "annotation" },
      { text: networkList, kind: "annotation" },
    ],
  },
  {
    documents: [conflist, whereabouts, { ...conf, type: "bridge", vlan: 5000 }].map((one) => ({
      text: JSON.stringify(one),
    })),
    plugins: ["bridge", "macvlan"],
    interfaces: ["eth0"],
  },
];

const causesInputs = [
  {
    conf: JSON.stringify({
      ...conf,
      type: "macvlan",
      master: "ens9",
      ipam: { type: "host-local", dataDir: "/d" },
    }),
    message: "no IP addresses available in range set",
    interfaces: ["lo", "eth0"],
    devices: ["0000:03:00.1"],
  },
  { conf: JSON.stringify(conflist), message: 'failed to find plugin "y"', plugins: ["x"] },
];

/** The same for lint.wasm. */
export const lintSeeds: Record<string, string[]> = {
  lint: lintInputs.map((one) => JSON.stringify(one)),
  causes: causesInputs.map((one) => JSON.stringify(one)),
};

/** Operation -> documents, as text. Every operation of the core is here. */
export const seeds: Record<string, string[]> = Object.fromEntries(
  Object.entries(inputs).map(([operation, documents]) => [
    operation,
    documents.map((one) => JSON.stringify(one)),
  ]),
);
