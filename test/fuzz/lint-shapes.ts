// The documents that cost the operations of lint.wasm most.
import { conf, json, list, object, type Shape } from "./shape.ts";

const NETWORKS = "k8s.v1.cni.cncf.io/networks";
const podWith = (annotation: string) => ({
  text: json({ kind: "Pod", metadata: { annotations: { [NETWORKS]: annotation } } }),
});
const definitionOf = (name: string, more: object) => ({
  text: json({
    kind: "NetworkAttachmentDefinition",
    metadata: { name },
    spec: { config: json({ ...conf, ...more }) },
  }),
});

const withoutModule: Omit<Shape, "module">[] = [
  {
    name: "unknown keys of a conf",
    operation: "lint",
    of: (n) => ({
      documents: [{ text: json({ ...conf, type: "macvlan", ...object(n / 12, (i) => `mastr${i}`) }) }],
    }),
  },
  {
    name: "networks x names that are not there",
    operation: "lint",
    of: (n) => ({
      documents: list(Math.min(n / 8000, 20), () => podWith(list(100, (i) => `network-${i}x`).join(","))),
      networks: list(n / 25, (i) => `default/network-${i}`),
    }),
  },
  {
    name: "networks x pods",
    operation: "lint",
    of: (n) => ({
      documents: [
        ...list(n / 500, (i) => definitionOf(`n${i}`, { type: "macvlan", master: "eth0" })),
        ...list(n / 500, (i) => podWith(list(30, (j) => `n${i + j}@i${j}`).join(","))),
      ],
    }),
  },
  {
    name: "addresses x networks of a pod",
    operation: "lint",
    of: (n) => {
      const ranges = (i: number) => list(60, (j) => [{ subnet: `10.${i % 200}.${j}.0/24` }]);
      const ipam = (i: number) => ({ type: "host-local", ranges: ranges(i) });
      const count = n / 6000;
      return {
        documents: [
          ...list(count, (i) => definitionOf(`n${i}`, { type: "macvlan", master: "eth0", ipam: ipam(i) })),
          podWith(
            json(
              list(Math.min(n / 100, 1000), (i) => ({
                name: `n${i % Math.max(1, Math.floor(count))}`,
                ips: ["10.0.0.5/24"],
              })),
            ),
          ),
        ],
      };
    },
  },
  {
    name: "interfaces of the node x `master`",
    operation: "lint",
    of: (n) => ({
      documents: list(150, (i) => ({ text: json({ ...conf, type: "macvlan", master: `ens${i}x` }) })),
      interfaces: list(n / 16, (i) => `ens${i}`),
    }),
  },
  {
    name: "pods in a `List`, in strings of escapes",
    operation: "lint",
    of: (n) => ({
      documents: [
        {
          text: json({
            kind: "List",
            items: list(n / 400, (i) => ({
              kind: "Pod",
              metadata: {
                annotations: { [NETWORKS]: json([{ name: `a${i}`, mac: "\u0001", "\u0002": 1 }], null, 1) },
              },
            })),
          }),
        },
      ],
    }),
  },
  {
    name: "a plugin's error",
    operation: "causes",
    of: (n) => ({
      conf: json({ ...conf, type: "bridgee" }),
      message: "failed to find plugi ".repeat(n / 21),
    }),
  },
  {
    name: "unknown keys x interfaces of the node",
    operation: "causes",
    of: (n) => ({
      conf: json({ ...conf, type: "macvlan", master: "ens9x", ...object(n / 30, (i) => `mastr${i}`) }),
      message: "no",
      interfaces: list(n / 30, (i) => `ens${i}`),
    }),
  },
];

export const lintShapes: Shape[] = withoutModule.map((one) => ({ ...one, module: "lint.wasm" }));
