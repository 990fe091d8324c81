// What the webhook says of an object: refused, warned of, changed, or let through.
import { readdirSync, readFileSync } from "node:fs";

import type { IncomingMessage } from "node:http";
import { PassThrough } from "node:stream";
import { describe, expect, it, test } from "vitest";

import { parseAllDocuments } from "yaml";
import type { NetworkAttachmentDefinition } from "../../launcher/cluster/cluster.ts";
import { Code, Fault } from "../../launcher/fault.ts";
import { counting, needsAnother, signer, timesOf } from "../../launcher/webhook/authorities.ts";
import { Bodies } from "../../launcher/webhook/bodies.ts";
import { inject } from "../../launcher/webhook/inject.ts";
import { type Judging, judge } from "../../launcher/webhook/judge.ts";
import type { Networks } from "../../launcher/webhook/networks.ts";
import { readReview, writeReview } from "../../launcher/webhook/request.ts";
import { loadCore, loadLint } from "../support/core.ts";

const [core, lint] = [loadCore(), loadLint()];
const NETWORKS = "k8s.v1.cni.cncf.io/networks";
const DEFAULT = "v1.multus-cni.io/default-network";

interface Asked {
  operation?: string;
  oldObject?: object;
  subResource?: string;
  namespace?: string;
}

const requestOf = (object: object | undefined, asked: Asked = {}) => {
  const operation = asked.operation ?? (asked.oldObject ? "UPDATE" : "CREATE");
  const request = { uid: "u", operation, namespace: "default", name: "n", object, ...asked };
  return readReview(
    JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: { ...request } }),
  );
};
const judged = (object: object | undefined, asked: Asked = {}, more: Partial<Judging> = {}) =>
  judge({ core, lint, networks: undefined, lenient: new Set(), ...more }, requestOf(object, asked), {});

const nad = (config: string, metadata: object = {}) => ({
  apiVersion: "k8s.cni.cncf.io/v1",
  kind: "NetworkAttachmentDefinition",
  metadata: { name: "n", ...metadata },
  spec: { config },
});
const pod = (annotations: Record<string, string>, spec: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", annotations },
  spec: { containers: [{ name: "app", image: "alpine" }], ...spec },
});
const BRIDGE = '{"cniVersion":"1.0.0","type":"bridge"}';
const BROKEN = '{"cniVersion":"1.0.0","type":"bridge",}';

/** NetworkAttachmentDefinitions of a cluster. */
const cluster = (all: Record<string, Partial<NetworkAttachmentDefinition>>): Networks => ({
  isComplete: () => true,
  titles: () => Object.keys(all),
  find: async (namespace, name) => {
    const one = all[`${namespace}/${name}`];
    return one && { namespace, name, config: BRIDGE, annotations: {}, ...one };
  },
});

describe("a NetworkAttachmentDefinition", () => {
  it("that Plexus cannot read is refused, with the rule, the place and what to write", async () => {
    expect(await judged(nad(BROKEN))).toMatchObject({
      refusal: "spec.config: there is a comma, and nothing behind it; remove it [trailing-comma]",
      warnings: [],
    });
  });

  it("that its plugin would refuse is refused", async () => {
    const { refusal } = await judged(
      nad('{"cniVersion":"1.0.0","type":"macvlan","mode":"passthrough","ipam":{"type":"dhcp"}}'),
    );
    expect(refusal).toContain("spec.config: mode: `mode` is");
    expect(refusal).toContain("[bad-value]");
  });

  it.each(['{"cniVersion":"1.0.0","typ":"bridge"}', '{"cniVersion":"1.0.0","plugin":[{"type":"bridge"}]}'])(
    "that names no plugin, as a key is misspelt, is refused: %s",
    async (conf) => {
      expect((await judged(nad(conf))).refusal).toContain("spec.config");
    },
  );

  it("with a key that its plugin ignores is warned of", async () => {
    const { refusal, warnings } = await judged(
      nad('{"cniVersion":"1.0.0","type":"macvlan","mster":"eth1","ipam":{"type":"dhcp"}}'),
    );
    expect(refusal).toBeUndefined();
    expect(warnings).toEqual([
      "spec.config: mster: `mster` is not a key of the conf of `macvlan`; write `master` [unknown-key]",
    ]);
  });

  it("of a rule that is to warn only is not refused", async () => {
    const one = nad('{"cniVersion":"1.0.0","type":"macvlan","mode":"new"}');
    expect((await judged(one)).refusal).toContain("[bad-value]");
    const lenient = await judged(one, {}, { lenient: new Set(["bad-value"]) });
    expect(lenient.refusal).toBeUndefined();
    expect(lenient.warnings.join()).toContain("[bad-value]");
  });

  it("that is bad already may be labelled, deleted and finalized, and has to be right once its conf changes", async () => {
    const oldObject = nad(BROKEN);
    const labelled = nad(BROKEN, { labels: { a: "b" }, annotations: { note: "x" }, finalizers: ["x/y"] });
    expect(await judged(labelled, { oldObject })).toEqual({
      refusal: undefined,
      warnings: expect.anything(),
      rules: expect.anything(),
    });
    expect(await judged(undefined, { operation: "DELETE", oldObject })).toEqual({ warnings: [], rules: [] });
    const deleted = nad('{"broken', { deletionTimestamp: "2026-01-01T00:00:00Z" });
    expect((await judged(deleted, { oldObject })).refusal).toBeUndefined();
    expect((await judged(nad(`${BROKEN} `), { oldObject })).refusal).toContain("[trailing-comma]");
    expect(await judged(nad(BRIDGE), { oldObject })).toEqual({ warnings: [], rules: [] });
  });

  it("without a conf is one of the node's, and is let through", async () => {
    for (const one of [nad(""), { ...nad(""), spec: undefined }, { ...nad(""), spec: {} }])
      expect(await judged(one)).toMatchObject({ warnings: [] });
  });
});

describe("a pod", () => {
  it("with a typo in `ips` is warned of, as its ADD goes on without it", async () => {
    expect(await judged(pod({ [NETWORKS]: '[{"name":"a","ip":["10.0.0.5"]}]' }))).toMatchObject({
      refusal: undefined,
      warnings: [
        `metadata.annotations[${NETWORKS}]: [0].ip: \`ip\` is not a key of a network selection element; write \`ips\` [unknown-key]`,
      ],
    });
  });

  it.each([
    ["Macvlan-Conf", "bad-name"],
    ['[{"name":"a","ips":["10.0.0.256"]}]', "bad-address"],
    ['[{"name":"a"},]', "trailing-comma"],
    ['[{"name":"a","interface":"net7"},{"name":"b","interface":"net7"}]', "same-interface"],
    ["a@eth0", "same-interface"],
    [" ", "empty-request"],
  ])("whose annotation is %j is refused: %s", async (annotation, rule) => {
    const { refusal } = await judged(pod({ [NETWORKS]: annotation }));
    expect(refusal).toContain(`metadata.annotations[${NETWORKS}]`);
    expect(refusal).toContain(`[${rule}]`);
  });

  it("that names two default networks is refused", async () => {
    expect((await judged(pod({ [DEFAULT]: "a,b" }))).refusal).toContain("it must name one network");
  });

  it("on its node's network gets warnings only: no plugin is called for it", async () => {
    const { refusal, warnings } = await judged(pod({ [NETWORKS]: "NOT A NAME" }, { hostNetwork: true }));
    expect(refusal).toBeUndefined();
    expect(warnings.join()).toContain("[bad-name]");
  });

  it("that a controller makes gets no warnings, which nobody would read, and is refused all the same", async () => {
    const made = (networks: string) => {
      const one = pod({ [NETWORKS]: networks });
      return {
        ...one,
        metadata: { ...one.metadata, ownerReferences: [{ kind: "ReplicaSet", controller: true }] },
      };
    };
    expect(await judged(made('[{"name":"a","ip":["10.0.0.5"]}]'))).toMatchObject({ warnings: [] });
    expect((await judged(made("NOT A NAME"))).refusal).toContain("[bad-name]");
  });

  it("that a kubelet runs from a file is not refused", async () => {
    const mirror = pod({ [NETWORKS]: "NOT A NAME", "kubernetes.io/config.mirror": "x" });
    expect((await judged(mirror)).refusal).toBeUndefined();
  });

  it("may ask for interfaces whose numbers depend on the node's conf", async () => {
    expect((await judged(pod({ [NETWORKS]: "a@net2,b" }))).refusal).toBeUndefined();
  });

  it("may choose more than a hundred networks, as a conf may allow it", async () => {
    const many = Array.from({ length: 200 }, (_, index) => `n${index}`).join(",");
    expect((await judged(pod({ [NETWORKS]: many }))).refusal).toBeUndefined();
  });

  it("that is bad already stays changeable, and its status always", async () => {
    const bad = pod({ [NETWORKS]: "NOT A NAME" });
    const changed = { ...bad, metadata: { ...bad.metadata, labels: { a: "b" } } };
    expect(await judged(changed, { oldObject: bad })).toEqual({ warnings: [], rules: [] });
    expect(await judged(bad, { oldObject: pod({}), subResource: "status" })).toEqual({
      warnings: [],
      rules: [],
    });
    expect((await judged(bad, { oldObject: pod({}) })).refusal).toContain("[bad-name]");
  });

  it("without annotations of networks is of no interest", async () => {
    expect(await judged(pod({ "example.com/note": "x" }))).toMatchObject({ warnings: [], rules: [] });
  });
});

describe.each([
  ["Deployment", ["spec", "template"]],
  ["DaemonSet", ["spec", "template"]],
  ["StatefulSet", ["spec", "template"]],
  ["ReplicaSet", ["spec", "template"]],
  ["ReplicationController", ["spec", "template"]],
  ["Job", ["spec", "template"]],
  ["CronJob", ["spec", "jobTemplate", "spec", "template"]],
])("a %s", (kind, path) => {
  const of = (annotations: object, metadata: object = {}) => {
    const template: object = { metadata: { annotations } };
    const inner = path.reduceRight<object>((below, key) => ({ [key]: below }), template);
    return { apiVersion: "apps/v1", kind, metadata: { name: "d", ...metadata }, ...inner };
  };

  it("is refused if its pods would be", async () => {
    const { refusal } = await judged(of({ [NETWORKS]: "NOT A NAME" }));
    expect(refusal).toContain(`${path.join(".")}.metadata.annotations[${NETWORKS}]`);
    expect((await judged(of({ [NETWORKS]: "fine" }))).refusal).toBeUndefined();
  });

  it("is warned of if the annotation is not at its pods", async () => {
    const { refusal, warnings } = await judged(of({}, { annotations: { [NETWORKS]: "a" } }));
    expect(refusal).toBeUndefined();
    expect(warnings.join()).toContain("[misplaced-annotation]");
  });
});

describe("where the cluster's networks are known", () => {
  const networks = cluster({ "default/storage": {}, "other/fast": {} });

  it("one that is not there is warned of, with one that was meant", async () => {
    const { refusal, warnings } = await judged(pod({ [NETWORKS]: "storge" }), {}, { networks });
    expect(refusal).toBeUndefined();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('there is no network "default/storge"; write "default/storage"');
  });

  it("one that is there is not, in its own namespace or another one", async () => {
    const asked = { namespace: "team" };
    expect(
      await judged(pod({ [NETWORKS]: "default/storage,other/fast" }), asked, { networks }),
    ).toMatchObject({ warnings: [] });
  });

  it("a request that its plugins do not claim the capability for is warned of", async () => {
    const one = pod({ [NETWORKS]: '[{"name":"storage","mac":"02:00:00:00:00:01"}]' });
    expect((await judged(one, {}, { networks })).warnings.join()).toContain("[missing-capability]");
  });

  it("others' networks, however many errors they have, hide nothing of the pod", async () => {
    const keys = Array.from({ length: 200 }, (_, index) => `"mastr${index}":1,"mtu":"x"`).join(",");
    const full = cluster({ "default/storage": { config: `{"type":"macvlan",${keys}}` } });
    const one = pod({ [NETWORKS]: '[{"name":"storage","ip":["10.0.0.5"]}]' });
    expect((await judged(one, {}, { networks: full })).warnings.join()).toContain("[unknown-key]");
  });

  it("networks that are too long to be looked at with a pod keep nobody waiting", async () => {
    const long = cluster({ "default/storage": { config: `{"type":"bridge","x":"${"x".repeat(2 << 20)}"}` } });
    const one = pod({ [NETWORKS]: '[{"name":"storage","mac":"02:00:00:00:00:01"}]' });
    expect(await judged(one, {}, { networks: long })).toMatchObject({ refusal: undefined, warnings: [] });
  });

  it("an API server that does not answer refuses nothing", async () => {
    const failing = { ...networks, find: () => Promise.reject(new Fault(Code.tryAgainLater, "away")) };
    expect(await judged(pod({ [NETWORKS]: "storge" }), {}, { networks: failing })).toMatchObject({
      warnings: [],
    });
  });
});

describe("all that the corpus of plexus lint has", () => {
  const inputs = (dir: string) =>
    readdirSync(new URL(`../fixtures/lint/${dir}/`, import.meta.url)).flatMap((file) =>
      readFileSync(new URL(`../fixtures/lint/${dir}/${file}`, import.meta.url), "utf8")
        .split(/^=== /m)
        .slice(1)
        .map((part) => (part.split("---->\n")[0] ?? "").split(/\n(.*)/s)),
    );
  const objectsIn = (text: string) =>
    parseAllDocuments(text)
      .filter(({ errors }) => errors.length === 0)
      .map((document) => document.toJS())
      .filter((one) => one?.kind && one.kind !== "List");

  it("is not refused if it is right", async () => {
    const refused: unknown[] = [];
    for (const [name, text = ""] of inputs("valid"))
      for (const object of objectsIn(text)) {
        const { refusal } = await judged(object);
        if (refusal) refused.push([name, refusal]);
      }
    expect(refused).toEqual([]);
  });

  it("is refused if the core refuses it, and a pod only then", async () => {
    const wrong: unknown[] = [];
    let count = 0;
    for (const [name, text = ""] of inputs("broken"))
      for (const object of objectsIn(text)) {
        const annotation = object.kind === "Pod" ? object.metadata?.annotations?.[NETWORKS] : undefined;
        if (typeof annotation !== "string" || annotation === "") continue;
        const fails = refusesAnnotation(annotation);
        const { refusal, warnings } = await judged(object);
        count++;
        const isRefused = refusal !== undefined && !refusal.includes("[same-interface]");
        if (isRefused !== fails) wrong.push([name, refusal, warnings]);
      }
    expect(wrong).toEqual([]);
    expect(count).toBeGreaterThan(60);
  });

  function refusesAnnotation(annotation: string): boolean {
    try {
      core.selection({ annotation, namespace: "default", maxNetworks: 10_000 }); // a conf may allow so many
      return false;
    } catch {
      return true;
    }
  }
});

describe("with --mutate", () => {
  const RESOURCE = "k8s.v1.cni.cncf.io/resourceName";
  const SELECTOR = "k8s.v1.cni.cncf.io/nodeSelector";
  const networks = cluster({
    "default/vf": { annotations: { [RESOURCE]: "intel.com/sriov" } },
    "default/dpdk": { annotations: { [RESOURCE]: "intel.com/dpdk", [SELECTOR]: "rack=a" } },
    "default/plain": {},
    "default/east": { annotations: { [SELECTOR]: "zone = east" } },
    "default/odd": { annotations: { [SELECTOR]: "a=b,c=d" } },
  });
  const injected = (object: object, asked: Asked = {}, known: Networks = networks) =>
    inject({ core, networks: known }, requestOf(object, asked), {});

  it("a pod asks for one device for each time that a network is chosen, in requests and limits", async () => {
    const { patch, warnings } = await injected(pod({ [NETWORKS]: "vf,vf,plain,dpdk" }));
    const devices = { "intel.com/sriov": "2", "intel.com/dpdk": "1" };
    expect(warnings).toEqual([]);
    expect(patch).toEqual([
      { op: "add", path: "/spec/containers/0/resources", value: { requests: devices, limits: devices } },
      { op: "add", path: "/spec/nodeSelector", value: { rack: "a" } },
    ]);
  });

  it("what a container asks for already stays as it is, and so does all else", async () => {
    const resources = { requests: { cpu: "1" }, limits: { cpu: "2", memory: "1Gi" } };
    const containers = [
      { name: "app", resources },
      { name: "side", resources: { limits: { "intel.com/sriov": "3" } } },
    ];
    const { patch } = await injected(pod({ [NETWORKS]: "vf,dpdk" }, { containers }));
    expect(patch?.[0]?.value).toEqual({
      requests: { cpu: "1", "intel.com/dpdk": "1" },
      limits: { cpu: "2", memory: "1Gi", "intel.com/dpdk": "1" },
    });
    const again = await injected(
      pod(
        { [NETWORKS]: "vf" },
        { containers: [{ name: "a", resources: { requests: { "intel.com/sriov": "1" } } }] },
      ),
    );
    expect(again.patch).toEqual([]);
  });

  it("the default network of a pod counts too", async () => {
    const { patch } = await injected(pod({ [DEFAULT]: "default/vf", [NETWORKS]: "vf" }));
    expect(patch?.[0]?.value).toMatchObject({ limits: { "intel.com/sriov": "2" } });
  });

  it("labels of nodes are added to the pod's own, which count if they differ", async () => {
    const { patch } = await injected(pod({ [NETWORKS]: "east" }, { nodeSelector: { disk: "ssd" } }));
    expect(patch).toEqual([{ op: "add", path: "/spec/nodeSelector", value: { disk: "ssd", zone: "east" } }]);
    const other = await injected(pod({ [NETWORKS]: "east" }, { nodeSelector: { zone: "west" } }));
    expect(other.patch).toEqual([]);
    expect(other.warnings.join()).toContain("zone=east, and the pod for zone=west");
    expect((await injected(pod({ [NETWORKS]: "odd" }))).warnings.join()).toContain(
      "write one label, key=value",
    );
  });

  it.each([
    ["a pod without networks", pod({})],
    ["a pod whose networks need nothing", pod({ [NETWORKS]: "plain" })],
    ["a pod whose annotation is wrong", pod({ [NETWORKS]: "NOT A NAME" })],
    ["a pod without containers", pod({ [NETWORKS]: "vf" }, { containers: [] })],
    ["a pod of its node's network", pod({ [NETWORKS]: "vf" }, { hostNetwork: true })],
    ["an object that is not a pod", nad(BRIDGE)],
  ])("%s is not changed", async (_, object) => {
    expect(await injected(object)).toEqual({
      warnings: [],
      ...((await injected(object)).patch ? { patch: [] } : {}),
    });
  });

  it("a pod whose network does not exist yet is not changed, with a warning", async () => {
    const { patch, warnings } = await injected(pod({ [NETWORKS]: "none" }));
    expect([patch, warnings]).toEqual([[], [expect.stringContaining("default/none: there was no such")]]);
  });

  it("a pod that exists is not changed", async () => {
    expect(await injected(pod({ [NETWORKS]: "vf" }), { operation: "UPDATE" })).toEqual({ warnings: [] });
  });

  it("a pod is let through with a warning if its networks cannot be looked up", async () => {
    const failing = {
      ...networks,
      find: () => Promise.reject(new Fault(Code.tryAgainLater, "the API server is away")),
    };
    expect((await injected(pod({ [NETWORKS]: "vf" }), {}, failing)).warnings.join()).toContain(
      "the API server is away",
    );
  });
});

describe("an AdmissionReview", () => {
  it.each([
    ["what is not JSON", "x"],
    ["a list", "[]"],
    ["another kind", '{"kind":"Pod","apiVersion":"admission.k8s.io/v1"}'],
    [
      "another version",
      '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1","request":{"uid":"u","operation":"CREATE"}}',
    ],
    ["one without a request", '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}'],
    [
      "one whose object is text",
      '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u","operation":"CREATE","object":"x"}}',
    ],
  ])("is not %s", (_, text) => {
    expect(() => readReview(text)).toThrow();
  });

  it("is answered with warnings that the API server takes: not many, not long, on one line, with their rules", () => {
    const warnings = Array.from({ length: 40 }, (_, index) => `${index}: ${"x".repeat(400)} [unknown-key]`);
    const { response } = JSON.parse(writeReview("u", { warnings }));
    expect(response).toMatchObject({ uid: "u", allowed: true });
    expect(response.warnings).toHaveLength(16);
    expect(response.warnings.at(-1)).toBe("and 25 more: plexus lint names them all");
    for (const warning of response.warnings.slice(0, -1)) {
      expect(warning.length).toBeLessThanOrEqual(250);
      expect(warning).toMatch(/ \[unknown-key\]$/);
    }
  });

  it("is answered with a refusal that has no patch", () => {
    const patch = [{ op: "add" as const, path: "/x", value: 1 }];
    const { response } = JSON.parse(writeReview("u", { refusal: "no", warnings: [], patch }));
    expect(response).toEqual({
      uid: "u",
      allowed: false,
      status: { code: 403, reason: "Forbidden", message: "no" },
    });
  });
});

describe("authorities of our own", () => {
  const DAY = 86_400_000;
  const times = timesOf(365 * DAY);
  const made = (at: number) => ({ cert: `${at}`, key: "", from: at - times.early, to: at + times.authority });

  it("come anew before they end, count from when they are made, and sign when all know them", () => {
    const first = made(0);
    expect(needsAnother([], 0)).toBe(true);
    expect(signer([first], 0, times)).toBe(first); // nobody has another one
    expect(needsAnother([first], 200 * DAY)).toBe(false);
    expect(needsAnother([first], 250 * DAY)).toBe(true);
    const second = made(250 * DAY);
    const both = counting([first, second], 250 * DAY);
    expect(both).toEqual([second, first]);
    expect(signer(both, 250 * DAY, times)).toBe(first);
    expect(signer(both, 250 * DAY + times.settle, times)).toBe(second);
    expect(counting(both, 366 * DAY)).toEqual([second]);
  });

  it.each([40_000, DAY, 365 * DAY, 36_500 * DAY])(
    "of %d ms: at no moment is a certificate served that the API server cannot verify",
    (life) => {
      const short = timesOf(life);
      const one = (at: number) => ({ cert: `${at}`, key: "", from: at - short.early, to: at + life });
      let all = [one(0)];
      let told = all; // what an API server knows that is told a little late
      const step = Math.max(short.look, life / 1000);
      for (let now = 0; now < 5 * life; now += step) {
        told = all;
        all = counting(all, now);
        if (needsAnother(all, now)) all = counting([one(now), ...all], now);
        const by = signer(all, now, short);
        expect(by && told.includes(by)).toBe(true);
        expect(by?.to).toBeGreaterThan(now + 2 * step);
      }
      expect(all[0]?.from).toBeGreaterThan(3 * life);
    },
  );
});

describe("bodies of requests", () => {
  const sending = (size: number) => {
    const body = Object.assign(new PassThrough(), { headers: {} });
    body.write(Buffer.alloc(size));
    return body;
  };

  it("that are not complete take 16 MiB together: the one that began first gives way", async () => {
    const bodies = new Bodies();
    const all = Array.from({ length: 6 }, () => sending(3 << 20));
    const read = all.map((one) => bodies.read(one as unknown as IncomingMessage));
    expect(await read[0]).toBe(503);
    for (const one of all.slice(1)) one.end("x");
    for (const one of read.slice(1)) expect(await one).toHaveLength((3 << 20) + 1);
  });

  it("are not taken if one is too large, or breaks off", async () => {
    const bodies = new Bodies();
    const large = sending(4 << 20);
    expect(await bodies.read(large as unknown as IncomingMessage)).toBe(413);
    const broken = sending(10);
    const read = bodies.read(broken as unknown as IncomingMessage);
    broken.destroy();
    expect(await read).toBe(400);
  });
});

test("a pod's user is not told which networks other namespaces have", async () => {
  const there = cluster({ "secret/payments": {}, "default/storage": {} });
  const told = async (asked: string) =>
    (await judged(pod({ [NETWORKS]: asked }), {}, { networks: there })).warnings;
  expect((await told("payments")).join()).toContain("unknown-network");
  expect((await told("payments, storage")).join()).toContain("unknown-network");
  expect(`${await told("payments")} ${await told("secre/paymens")}`).not.toContain("secret/payments");
  expect((await told("storag")).join()).toContain("default/storage");
});
