// Pods of a made-up cluster, as the API server would list them.
const STATUS = "k8s.v1.cni.cncf.io/network-status";
const NETWORKS = "k8s.v1.cni.cncf.io/networks";

interface FakePod {
  name: string;
  namespace?: string;
  node?: string;
  phase?: string;
  /** network-status: its elements, or its text. */
  status?: object[] | string;
  networks?: string;
  labels?: Record<string, string>;
}

export function fakePod({
  name,
  namespace = "default",
  node = "worker-1",
  phase = "Running",
  ...rest
}: FakePod) {
  const { status, networks, labels = {} } = rest;
  const text = typeof status === "object" ? JSON.stringify(status) : status;
  return {
    metadata: {
      name,
      namespace,
      uid: `uid-${namespace}-${name}`,
      labels,
      annotations: {
        ...(text === undefined ? {} : { [STATUS]: text }),
        ...(networks === undefined ? {} : { [NETWORKS]: networks }),
      },
    },
    spec: { nodeName: node, containers: [{ name: "c", image: "none" }] },
    status: { phase },
  };
}

export const eth0 = (last: number) => ({
  name: "podnet",
  interface: "eth0",
  ips: [`10.244.0.${last}`],
  mac: `0a:58:0a:f4:00:${hex(last)}`,
  default: true,
  dns: {},
});

export const secondary = (name: string, index: number, address: string, last: number) => ({
  name,
  interface: `net${index}`,
  ips: [address],
  mac: `02:42:0a:0${index}:00:${hex(last)}`,
  dns: {},
});

const withFunction = (name: string, index: number, vf: string, last: number) => ({
  ...secondary(name, index, `192.168.${index}.${last}`, last),
  mtu: 9000,
  "device-info": {
    type: "pci",
    version: "1.1.0",
    pci: { "pci-address": vf, "pf-pci-address": "0000:3b:00.0" },
  },
});

/** Three pods of one namespace: a database with storage and a VF, a web server, and one that waits. */
export const FEW = [
  fakePod({
    name: "database-0",
    status: [
      eth0(5),
      secondary("default/storage", 1, "10.10.0.5", 5),
      withFunction("default/fast", 2, "0000:3b:02.1", 5),
    ],
  }),
  fakePod({ name: "web-6d5f", status: [eth0(6), secondary("default/storage", 1, "10.10.0.6", 6)] }),
  fakePod({ name: "worker-0", node: "worker-2", phase: "Pending", networks: "fast, storag" }),
];

export const FEW_EVENTS = [
  {
    metadata: { name: "e", namespace: "default" },
    involvedObject: { kind: "Pod", namespace: "default", name: "worker-0", uid: "uid-default-worker-0" },
    type: "Warning",
    reason: "NoNetworkFound",
    message:
      "pod default/worker-0: there is no NetworkAttachmentDefinition default/storag; create it, or correct the annotation",
    source: { component: "plexus" },
    lastTimestamp: "2026-01-02T03:04:05Z",
    count: 3,
  },
];

/** Forty pods on three nodes and six networks. */
export const MANY = Array.from({ length: 40 }, (_, index) =>
  fakePod({
    name: `app-${["db", "web", "cache", "queue"][index % 4]}-${index}`,
    namespace: ["shop", "billing"][index % 2] ?? "",
    node: `worker-${(index % 3) + 1}`,
    status: [
      eth0(index + 2),
      ...(index % 2 === 0 ? [secondary("shop/storage", 1, `10.10.0.${index + 2}`, index)] : []),
      ...(index % 3 === 0 ? [withFunction("shop/fast", 2, `0000:3b:02.${index % 8}`, index)] : []),
      ...(index % 4 === 1 ? [secondary("billing/audit", 3, `10.20.0.${index + 2}`, index)] : []),
      ...(index % 5 === 2 ? [secondary("shop/telemetry", 4, `fd00:10::${hex(index)}`, index)] : []),
      ...(index % 7 === 3 ? [secondary("default/management", 5, `172.16.4.${index + 2}`, index)] : []),
    ],
  }),
);

export const HOSTILE = [
  "</text><script>alert(1)</script>",
  '" onload="alert(1)',
  "&lt;b&gt;",
  "\u001b]0;owned\u0007\u001b[31mred\u009b2J",
  "\u0000\ud800\uffff",
  "]]></style><style>*{}",
  "\u202egnorw",
  'a\nb\\n" -> "',
];

function hex(number: number): string {
  return number.toString(16).padStart(2, "0");
}
