// What ADD refuses, lint calls an error; what ADD takes, lint does not call one. ADD is the real one, of an imagined node
// (launcher/explain), for a pod of two networks; each case changes one of the documents: a member, or a few bytes.
import { expect, test } from "vitest";
import { lintSources } from "../../launcher/cli/findings.ts";
import { sortDocuments } from "../../launcher/explain/documents.ts";
import { explain } from "../../launcher/explain/explain.ts";
import { nadsOf } from "../../launcher/explain/given.ts";
import { filesOf } from "../../launcher/explain/node.ts";
import { META_PLUGINS } from "../../launcher/host/host.ts";
import { Core } from "../../packages/core/index.ts";
import { coreBytes } from "../support/wasm.ts";
import { changesOf } from "./changes.ts";
import { generator } from "./fuzz.ts";

const RUNS = Number(process.env.RUNS ?? 4_000);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000_007);
const core = new Core(coreBytes());
const linter = new Core(coreBytes("lint.wasm"));
const json = JSON.stringify;
/** Only a node has the confs that `clusterNetwork` and `defaultNetworks` may name. */
const OF_NODE =
  /is neither a NetworkAttachmentDefinition in namespace \S+ nor the name of a conf|cannot (read|choose a) conf/;
/** What these say is not that it fails: nothing reads what was written, and it was meant to be read (docs/rules). */
const OF_MEANING = ["unknown-key", "annotation-key", "misplaced-annotation"];

const element = {
  name: "a",
  namespace: "default",
  interface: "if1",
  interfaceRequest: "",
  ips: ["10.0.0.1/24"],
  mac: "02:00:00:00:00:01",
  "infiniband-guid": "24:8a:07:03:00:8d:ae:2e",
  deviceID: "0000:01:00.1",
  "ipam-claim-reference": "",
  "default-route": ["10.0.0.1", "fd00::1"],
  portMappings: [{ hostPort: 1, containerPort: 2, protocol: "tcp", hostIP: "::1" }],
  bandwidth: { ingressRate: 1, ingressBurst: 2, egressRate: 0, egressBurst: 0 },
  "cni-args": { a: 1 },
};
const conf = {
  cniVersion: "1.0.0",
  cniVersions: ["1.0.0"],
  name: "n",
  type: "some-plugin",
  capabilities: { mac: true, vendor: false },
};
const conflist = {
  cniVersion: "1.0.0",
  name: "n",
  disableCheck: false,
  disableGC: "true",
  loadOnlyInlinedPlugins: false,
  plugins: [{ type: "some-plugin", capabilities: { ips: true } }, { type: "other-plugin" }],
};
const settings = {
  cniVersion: "1.0.0",
  name: "node",
  type: "plexus",
  confDir: "/c",
  delegates: [conf, conflist],
  maxNetworks: 2,
  logOptions: { maxAge: 1, compress: true },
  capabilities: { portMappings: true },
  logLevel: "error",
  attach: "parallel",
  capabilityCheck: "warn",
  runtimePortMappings: "all",
  delegateTimeoutSeconds: 3,
  globalNamespaces: "a,b",
  systemNamespaces: ["s"],
  "cni.dev/valid-attachments": [{ containerID: "c", ifname: "i" }],
};

const PLEXUS = json({ name: "node", type: "plexus", clusterNetwork: "b" });
/** What each plugin answers: with an address, without which old versions have no results. */
const RESULT = json({ cniVersion: "1.0.0", ips: [{ address: "10.0.0.2/24" }] });
/** All networks that there are. */
const NETWORKS = ["default", "kube-system"].flatMap((namespace) => [`${namespace}/a`, `${namespace}/b`]);

/** What of a node and a pod a case changes: each as text. */
interface Case {
  networks?: string;
  default?: string;
  config?: string;
  plexus?: string;
}

const SEEDS: Case[] = [
  ...["", "[]", "null", "a", "a,b@if0", "default/a, b", "a,,b", " ", `[{"name":null}]`].map((networks) => ({
    networks,
  })),
  ...[[element], [{ name: "a" }, { name: "b", "default-route": [] }]].map((networks) => ({
    networks: json(networks),
  })),
  { networks: json([{ name: "a" }, { name: "b" }, { name: "a" }]) },
  ...["", "[]", "a", "a,b", "kube-system/a", `[{"name":"a"},{"name":"b"}]`].map((one) => ({ default: one })),
  { default: json([element]), networks: "b" },
  { default: json([{ name: "a", "default-route": ["10.0.0.1", "10.0.0.2"] }]) },
  {
    default: json([{ name: "a", "default-route": ["10.0.0.1"] }]),
    networks: json([{ name: "b", "default-route": [] }]),
  },
  { networks: Array(100).fill("a").join(",") },
  { networks: Array(101).fill("a").join(",") },
  ...META_PLUGINS.map((type) => ({ config: json({ type }), networks: "a" })),
  ...[conf, conflist, { type: "x", name: null }].map((one) => ({
    config: json(one),
    networks: "a",
  })),
  { config: json({ ...conf, cniVersion: "0.2.0" }), default: "a" },
  { plexus: json(settings) },
  {
    plexus: json({
      name: "node",
      type: "plexus",
      clusterNetwork: "a",
      defaultNetworks: ["b"],
      delegates: null,
    }),
  },
  { plexus: json({ name: "node", type: "plexus", delegates: [conf], clusterNetwork: null }) },
];

/** Returns the documents of a case. */
function documentsOf({ networks, default: own, config }: Case): object[] {
  const nad = (namespace: string, name: string, text = json({ type: "some-plugin" })) => ({
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name, namespace },
    spec: { config: text },
  });
  const annotations = {
    ...(networks === undefined ? {} : { "k8s.v1.cni.cncf.io/networks": networks }),
    ...(own === undefined ? {} : { "v1.multus-cni.io/default-network": own }),
  };
  const names = ["default", "kube-system"];
  return [
    ...names.flatMap((namespace) => [nad(namespace, "a", config), nad(namespace, "b")]),
    { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "default", annotations } },
  ];
}

async function verdictsOn(one: Case) {
  const texts = [...documentsOf(one).map((document) => json(document)), one.plexus ?? PLEXUS];
  const { nads, pods } = sortDocuments(texts.map((text) => ({ text })));
  const pod = pods[0];
  const { error } = await explain(core, {
    conf: one.plexus ?? PLEXUS,
    files: filesOf(new Map()),
    nad: nadsOf(nads),
    ...(pod ? { pod } : {}),
    answer: ({ stdin }) => core.convert({ result: RESULT, cniVersion: JSON.parse(stdin).cniVersion ?? "" }),
  });
  const sources = texts.map((text, index) => ({ name: `${index}.json`, text }));
  const { located } = lintSources(linter, sources, "default", { networks: NETWORKS });
  const errors = located.filter(({ severity }) => severity === "error");
  return { refused: error?.message, errors };
}

/** Tells whether a runtime calls Plexus by this conf. Source: containernetworking/cni libcni/conf.go, ConfFromBytes. */
function isCalled({ plexus = PLEXUS }: Case): boolean {
  try {
    const { type, capabilities } = (JSON.parse(plexus) ?? {}) as { type?: unknown; capabilities?: unknown };
    const claimed = capabilities ?? {};
    const areFlags =
      typeof claimed === "object" && Object.values(claimed).every((one) => typeof one === "boolean");
    return type === "plexus" && areFlags && !Array.isArray(claimed);
  } catch {
    return false;
  }
}

/** Changes one of the texts. */
function* variantsOf(seed: Case, random: (below: number) => number, count: number): Generator<Case> {
  yield seed;
  const texts = Object.entries(seed) as [keyof Case, string][];
  for (const [key, text] of texts.filter(([key]) => seed.config === undefined || key === "config")) {
    try {
      for (const { document } of changesOf(JSON.parse(text))) yield { ...seed, [key]: json(document) };
    } catch {} // not JSON
    for (let i = 0; i < count; i++) {
      const at = random(text.length + 1);
      const piece = PIECES[random(PIECES.length)] ?? "";
      yield { ...seed, [key]: text.slice(0, at) + piece + text.slice(at + random(4)) };
    }
  }
}

const PIECES = [
  "",
  ",",
  "/",
  "@",
  '"',
  "{",
  "}",
  "[",
  "]",
  "null",
  "1",
  "A",
  " ",
  ".",
  "-",
  "é",
  "\\u0000",
  "0.0",
  "a".repeat(60),
];

test(`SEED=${SEED}: what ADD refuses has an error, and what it takes has none`, async () => {
  const random = generator(SEED);
  const disagreements: string[] = [];
  let refusals = 0;
  let takes = 0;
  for (const seed of SEEDS) {
    for (const one of variantsOf(seed, random, Math.ceil(RUNS / SEEDS.length))) {
      if (!isCalled(one)) continue;
      const { refused, errors } = await verdictsOn(one);
      if (refused === undefined) takes++;
      else refusals++;
      const ofFailure = errors.filter(({ rule }) => !OF_MEANING.includes(rule));
      if (refused !== undefined && errors.length === 0 && !OF_NODE.test(refused))
        disagreements.push(`${json(one)}: ADD: ${refused}`);
      if (refused === undefined && ofFailure.length > 0)
        disagreements.push(`${json(one)}: lint: ${ofFailure.map(({ found, rule }) => `${found} [${rule}]`)}`);
    }
  }
  expect(disagreements.slice(0, 20)).toEqual([]);
  expect(Math.min(refusals, takes)).toBeGreaterThan(1000);
});
