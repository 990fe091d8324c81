import { beforeEach, describe, expect, test } from "vitest";
import type { FollowerOptions } from "../../launcher/cluster/follower.ts";
import type { Outcome } from "../../launcher/cluster/http.ts";
import { WatchedCluster } from "../../launcher/cluster/watch.ts";
import { answer, FakeHttp, failure, SkippingClock } from "./fake-http.ts";
import { NADS, POD, PODS, pod } from "./fake-pod.ts";

let http: FakeHttp;
let clock: SkippingClock;
let warnings: string[];
let options: FollowerOptions;
beforeEach(() => {
  http = new FakeHttp();
  clock = new SkippingClock();
  warnings = [];
  options = {
    open: async () => http,
    clock,
    random: () => 1,
    warn: (message) => warnings.push(message),
  };
});

function list(version: string, items: object[], next = ""): Outcome {
  return answer(200, { metadata: { resourceVersion: version, continue: next }, items });
}

describe("a watched cluster", () => {
  const kept = {
    "k8s.v1.cni.cncf.io/networks": "n",
    "v1.multus-cni.io/default-network": "d",
    "kubernetes.io/config.source": "file",
  };
  const dropped = { "k8s.v1.cni.cncf.io/network-status": "[]", a: "1" };
  const full = { ...POD, metadata: { ...POD.metadata, annotations: { ...kept, ...dropped } } };
  const nad = { metadata: { namespace: "ns", name: "n" }, spec: { config: "{}" } };

  /** With its lists made and its watches open. */
  async function watched(): Promise<WatchedCluster> {
    http.outcomes.push(list("7", [full]), list("7", [nad]));
    const cluster = new WatchedCluster({ ...options, nodeName: "node 1" });
    while (http.followed.length < 2) await new Promise(setImmediate);
    http.sent.length = 0;
    return cluster;
  }

  test("knows its node's pods and all NetworkAttachmentDefinitions without asking", async () => {
    const { cluster, kinds } = await watched();
    await cluster.startConnecting();
    expect(await cluster.pod("ns", "p", "u1")).toEqual({ ...pod, annotations: kept });
    expect(await cluster.nad("ns", "n")).toEqual({
      namespace: "ns",
      name: "n",
      config: "{}",
      annotations: {},
    });
    expect(http.sent).toEqual([]);
    expect(kinds).toMatchObject([
      { kind: "Pod", count: 1, synced: true },
      { kind: "NetworkAttachmentDefinition", count: 1, synced: true },
    ]);
    expect(http.followed[0]?.path).toMatch(/^\/api\/v1\/pods\?fieldSelector=spec.nodeName%3Dnode%201&/);
  });

  test("asks for what it does not know, and for a pod of another UID", async () => {
    const { cluster } = await watched();
    const other = { ...POD, metadata: { ...POD.metadata, uid: "u2" } };
    http.outcomes.push(answer(200, other), answer(404, { kind: "Status", reason: "NotFound" }));
    expect(await cluster.pod("ns", "p", "u2")).toMatchObject({ uid: "u2" });
    expect(await cluster.nad("ns", "other")).toBeUndefined();
    expect(http.sent.map(({ path }) => path)).toEqual([`${PODS}/p`, `${NADS}/other`]);
  });

  test("asks for a pod that was last seen before its claims' names were in its status", async () => {
    http.outcomes.push(list("7", [{ ...full, status: {} }]), list("7", [nad]));
    const { cluster } = new WatchedCluster({ ...options, nodeName: "node 1" });
    while (http.followed.length < 2) await new Promise(setImmediate);
    http.sent.length = 0;
    http.outcomes.push(answer(200, POD));
    expect(await cluster.pod("ns", "p", "u1")).toEqual(pod);
    expect(http.sent.map(({ path }) => path)).toEqual([`${PODS}/p`]);
  });

  test("asks anew for a NetworkAttachmentDefinition whose watch has been silent, or refused, for 3 minutes, once in 3 minutes", async () => {
    const { cluster } = await watched();
    clock.pass(180_000);
    expect(await cluster.nad("ns", "n")).toMatchObject({ config: "{}" });
    expect(http.sent).toEqual([]);
    clock.pass(1);
    const changed = { kind: "NetworkAttachmentDefinition", ...nad, spec: { config: '{"a":1}' } };
    http.outcomes.push(answer(200, changed), failure("permanent", "refused"));
    expect(await cluster.nad("ns", "n")).toMatchObject({ config: '{"a":1}' });
    clock.pass(180_000);
    expect(await cluster.nad("ns", "n")).toMatchObject({ config: '{"a":1}' }); // the answer is not older than a watch may be
    clock.pass(1);
    await expect(cluster.nad("ns", "n")).rejects.toThrow("refused");
    expect(await cluster.pod("ns", "p", "u1")).toMatchObject({ uid: "u1" });
    expect(http.sent.map(({ path }) => path)).toEqual([`${NADS}/n`, `${NADS}/n`]);
  });

  test("is ready while both kinds are followed, and a request of calls has worked in the last 5 minutes", async () => {
    const cluster = await watched();
    const missing = answer(404, { kind: "Status", reason: "NotFound" });
    http.outcomes.push(answer(401), missing);
    expect(await cluster.problem()).toContain("answered 401");
    expect(await cluster.problem()).toBeUndefined();
    expect(await cluster.problem()).toBeUndefined();
    expect(http.sent.map(({ path }) => path)).toEqual(
      Array.from({ length: 2 }, () => "/api/v1/namespaces/default/pods/plexus-readiness"),
    );
    clock.pass(300_000);
    http.outcomes.push(missing);
    expect(await cluster.problem()).toBeUndefined();
    expect(http.sent).toHaveLength(3);
  });

  test("is not ready from the first request of a call on that fails", async () => {
    const { cluster, problem } = await watched().then((watched) => ({
      cluster: watched.cluster,
      problem: () => watched.problem(),
    }));
    const missing = answer(404, { kind: "Status", reason: "NotFound" });
    http.outcomes.push(missing, failure("permanent", "refused"), failure("permanent", "refused"));
    expect(await problem()).toBeUndefined();
    await expect(cluster.nad("ns", "other")).rejects.toThrow("refused");
    expect(await problem()).toContain("refused");
  });

  test("is not ready before all is listed, nor while a watch is refused for 3 minutes", async () => {
    http.watches.push(
      () => failure("unsent", "refused"),
      () => failure("unsent", "refused"),
    );
    const cluster = new WatchedCluster({ ...options, nodeName: "n" });
    expect(await cluster.problem()).toBe("the cluster's Pods are not known yet");
    http.outcomes.push(list("7", [full]), list("7", [nad]));
    while (http.followed.length < 2) await new Promise(setImmediate);
    cluster.stop();
    clock.pass(180_001);
    expect(await cluster.problem()).toBe("the cluster's Pods are not followed");
  });

  test("follows no longer once it is stopped", async () => {
    const cluster = await watched();
    cluster.stop();
    await new Promise(setImmediate);
    expect(http.followed).toHaveLength(2);
    expect(warnings).toEqual([]);
  });
});
