import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Cluster } from "../../launcher/cluster/cluster.ts";
import { openCluster } from "../../launcher/cluster/open.ts";
import { FakeApiserver, halfAnswer, type Misbehaviour, reset, say, status, text } from "./fake-apiserver.ts";
import { clusterAt, faultOf, NADS, POD, PODS, pod } from "./fake-pod.ts";

let server: FakeApiserver;
let cluster: Cluster;
beforeEach(async () => {
  server = await FakeApiserver.start();
  server.objects.set(`${PODS}/p`, POD);
  cluster = clusterAt(server.url);
});
afterEach(() => server.stop());

test("a pod is what its object says", async () => {
  expect(await cluster.pod("ns", "p", "")).toEqual(pod);
  expect(server.arrived[0]).toMatchObject({
    method: "GET",
    url: `${PODS}/p`,
    headers: { authorization: "Bearer t", accept: "application/json", "user-agent": "plexus" },
  });
});

test("a pod without annotations, claims or a node has none", async () => {
  server.objects.set(`${PODS}/q`, { kind: "Pod", metadata: { namespace: "ns", name: "q", uid: "u" } });
  const bare = {
    namespace: "ns",
    name: "q",
    uid: "u",
    annotations: {},
    resourceClaims: new Map(),
    nodeName: "",
  };
  expect(await cluster.pod("ns", "q", "")).toEqual(bare);
});

test("what does not exist is undefined", async () => {
  expect(await cluster.pod("ns", "gone", "")).toBeUndefined();
  expect(await cluster.nad("ns", "gone")).toBeUndefined();
  expect(await cluster.claim("ns", "gone")).toEqual([]);
  expect(await cluster.published("driver.example", "node1")).toEqual([]);
  expect(server.arrived.at(-1)?.method).toBe("GET");
});

test("a NetworkAttachmentDefinition keeps its conf byte for byte", async () => {
  const config = '{"cniVersion": "1.0.0", "big": 12345678901234567890,\n "ü": "\\u00e9"}';
  const metadata = { namespace: "ns", name: "n", annotations: { "k8s.v1.cni.cncf.io/resourceName": "r" } };
  server.objects.set(`${NADS}/n`, { kind: "NetworkAttachmentDefinition", metadata, spec: { config } });
  server.objects.set(`${NADS}/bare`, {
    kind: "NetworkAttachmentDefinition",
    metadata: { namespace: "ns", name: "bare" },
  });
  const { annotations } = metadata;
  expect(await cluster.nad("ns", "n")).toEqual({ namespace: "ns", name: "n", config, annotations });
  expect(await cluster.nad("ns", "bare")).toEqual({
    namespace: "ns",
    name: "bare",
    config: "",
    annotations: {},
  });
});

test("a cluster without the CRD has no NetworkAttachmentDefinitions, but every cluster has pods", async () => {
  server.next.push(text(404, "404 page not found\n"), text(404, "404 page not found\n"));
  expect(await cluster.nad("ns", "n")).toBeUndefined();
  const { code, message } = await faultOf(cluster.pod("ns", "p", ""));
  expect(code).toBe(6);
  expect(message).toContain("see that the server of kubeconfig /k is an API server");
});

test("a claim is found in whatever version the cluster serves", async () => {
  const results = [{ driver: "d", pool: "o", device: "v", request: "r", adminAccess: false }];
  const claim = {
    kind: "ResourceClaim",
    metadata: { name: "c" },
    status: { allocation: { devices: { results } } },
  };
  server.next.push(text(404, "404 page not found\n"), say(200, claim));
  expect(await cluster.claim("ns", "c")).toEqual([{ driver: "d", pool: "o", device: "v", request: "r" }]);
  expect(server.arrived.map(({ url }) => url)).toEqual([
    "/apis/resource.k8s.io/v1/namespaces/ns/resourceclaims/c",
    "/apis/resource.k8s.io/v1beta2/namespaces/ns/resourceclaims/c",
  ]);
});

test("published devices come from all parts of a long list", async () => {
  const slice = (device: object) => ({ spec: { pool: { name: "o", generation: 2 }, devices: [device] } });
  const attributes = { "k8s.cni.cncf.io/deviceID": { string: "0000:01:00.1" }, vlan: { int: 5 } };
  const list = (items: object[], next?: string) =>
    say(200, { kind: "ResourceSliceList", metadata: { continue: next }, items });
  server.next.push(
    list([slice({ name: "a", attributes })], "more=="),
    list([slice({ name: "b", basic: { attributes } })]),
  );
  const published = {
    pool: "o",
    generation: 2,
    attributes: { "k8s.cni.cncf.io/deviceID": "0000:01:00.1" },
  };
  expect(await cluster.published("driver.example", "node1")).toEqual([
    { ...published, device: "a" },
    { ...published, device: "b" },
  ]);
  const [first, second] = server.arrived.map(({ url }) => new URL(url, server.url).searchParams);
  expect(first?.get("fieldSelector")).toBe("spec.driver=driver.example,spec.nodeName=node1");
  expect(second?.get("continue")).toBe("more==");
});

test.each([
  "../secrets/x",
  "a/b",
  "a%2fb",
  "",
  "A",
  "a?x=1",
  "a#b",
  ".",
  "..",
  "a..b",
  "-a",
  "a_b",
  "ä",
  "a\n",
])("%j is not a name, and asks nothing", async (name) => {
  for (const call of [cluster.pod("ns", name, ""), cluster.pod(name, "p", ""), cluster.nad(name, "n")])
    expect((await faultOf(call)).code).toBe(7);
  // The conf of a network may have such a name: it is looked for next.
  expect(await cluster.nad("ns", name)).toBeUndefined();
  for (const call of [cluster.claim("ns", name), cluster.published(name, "node1")])
    expect((await faultOf(call)).code).toBe(7);
  expect(server.arrived).toEqual([]);
});

test("a name has at most 253 characters, a namespace 63 and no dot", async () => {
  expect(await cluster.pod("ns", "a".repeat(253), "")).toBeUndefined();
  for (const call of [
    cluster.pod("ns", "a".repeat(254), ""),
    cluster.pod("a".repeat(64), "p", ""),
    cluster.pod("a.b", "p", ""),
  ])
    expect((await faultOf(call)).code).toBe(7);
});

test("annotations are set by one patch that is bound to the pod's UID", async () => {
  expect(await cluster.annotate(pod, { "k8s.v1.cni.cncf.io/network-status": "[]" })).toBe(true);
  expect(server.arrived).toMatchObject([
    {
      method: "PATCH",
      url: `${PODS}/p/status`,
      headers: { "content-type": "application/merge-patch+json" },
      body: '{"metadata":{"uid":"u1","annotations":{"k8s.v1.cni.cncf.io/network-status":"[]"}}}',
    },
  ]);
});

test.each([
  status(409, {
    reason: "Conflict",
    message: "Precondition failed: UID in precondition: u1, UID in object meta: u2",
  }),
  status(422, {
    reason: "Invalid",
    message: 'Pod "p" is invalid: metadata.uid: Invalid value: "u1": field is immutable',
  }),
  status(404, { reason: "NotFound", message: 'pods "p" not found' }),
])("a pod that is gone at the end of its ADD is left alone (%#)", async (misbehave) => {
  server.next.push(misbehave);
  expect(await cluster.annotate(pod, {})).toBe(false);
  expect(server.arrived).toHaveLength(1);
});

describe("annotations that are bound to what was read", () => {
  const own = { "k8s.v1.cni.cncf.io/network-status": "[]" };
  const read = say(200, { ...POD, metadata: { ...POD.metadata, resourceVersion: "7" } });
  const refused = status(409, { reason: "Conflict", message: "the object has been modified" });

  test("are set by a patch that no later one is undone by", async () => {
    server.next.push(read);
    expect(await cluster.annotate(pod, own, undefined, "as read")).toBe(true);
    expect(server.arrived.map(({ method }) => method)).toEqual(["GET", "PATCH"]);
    expect(JSON.parse(server.arrived[1]?.body ?? "")).toEqual({
      metadata: { uid: "u1", resourceVersion: "7", annotations: own },
    });
  });

  test("are read again if somebody was quicker, and no more than 10 times", async () => {
    server.next.push(read, refused, read);
    expect(await cluster.annotate(pod, own, undefined, "as read")).toBe(true);
    expect(server.arrived.map(({ method }) => method)).toEqual(["GET", "PATCH", "GET", "PATCH"]);
    for (let tries = 0; tries < 10; tries++) server.next.push(read, refused);
    expect(await faultOf(cluster.annotate(pod, own, undefined, "as read"))).toMatchObject({ code: 11 });
  });

  test("are read again though the pod's name has uid in it, as what the server says of a conflict has the name", async () => {
    const metadata = { ...POD.metadata, name: "uid-server", resourceVersion: "7" };
    const message =
      'Operation cannot be fulfilled on pods "uid-server": the object has been modified; please apply your changes to the latest version and try again';
    const named = say(200, { ...POD, metadata });
    server.next.push(named, status(409, { reason: "Conflict", message }), named, named);
    expect(await cluster.annotate({ ...pod, name: "uid-server" }, own, undefined, "as read")).toBe(true);
    expect(server.arrived.map(({ method }) => method)).toEqual(["GET", "PATCH", "GET", "PATCH"]);
  });

  test("are not written if the pod has them already, or is another one", async () => {
    const metadata = { ...POD.metadata, annotations: own };
    server.next.push(say(200, { ...POD, metadata }));
    expect(await cluster.annotate(pod, own, undefined, "as read")).toBe(true);
    server.next.push(say(200, { ...POD, metadata: { ...metadata, uid: "u2" } }));
    expect(await cluster.annotate(pod, own, undefined, "as read")).toBe(false);
    expect(server.arrived.map(({ method }) => method)).toEqual(["GET", "GET"]);
  });
});

test("annotations are set as Multus does it if its rights are what there is: no `patch`, but `update`", async () => {
  const forbidden = status(403, { reason: "Forbidden", message: "no" });
  server.next.push(forbidden, say(200, POD), status(409, { reason: "Conflict", message: "another writer" }));
  expect(await cluster.annotate(pod, { c: "3" })).toBe(true);
  const [, , , read, put] = server.arrived;
  expect(server.arrived.map(({ method }) => method)).toEqual(["PATCH", "GET", "PUT", "GET", "PUT"]);
  expect([read?.url, put?.url]).toEqual([`${PODS}/p`, `${PODS}/p/status`]);
  const annotations = { ...POD.metadata.annotations, c: "3" };
  expect(JSON.parse(put?.body ?? "")).toEqual({ ...POD, metadata: { ...POD.metadata, annotations } });
});

test("a pod that was replaced by another one of its name is not put back", async () => {
  const forbidden = status(403, { reason: "Forbidden", message: "no" });
  server.next.push(forbidden, say(200, { ...POD, metadata: { ...POD.metadata, uid: "u2" } }));
  expect(await cluster.annotate(pod, { c: "3" })).toBe(false);
  expect(server.arrived.map(({ method }) => method)).toEqual(["PATCH", "GET"]);
});

test("without either right, the error is that of the patch", async () => {
  const forbidden = status(403, { reason: "Forbidden", message: "no" });
  server.next.push(forbidden, say(200, POD), forbidden);
  expect((await faultOf(cluster.annotate(pod, {}))).message).toContain("PATCH");
});

test("annotations that the API server finds invalid are told from a pod that is gone", async () => {
  const message = "metadata.annotations: Too long: must have at most 262144 bytes";
  server.next.push(status(422, { reason: "Invalid", message }));
  expect(await faultOf(cluster.annotate(pod, {}))).toMatchObject({
    code: 7,
    message: expect.stringContaining(message),
  });
});

test("an event is about the pod, and no longer than Kubernetes takes", async () => {
  await cluster.recordEvent(pod, { type: "Warning", reason: "R", message: "é".repeat(600) });
  await cluster.recordEvent(
    { ...pod, name: "q".repeat(253) },
    { type: "Normal", reason: "S", message: "é".repeat(512) },
  );
  const [first, second] = server.arrived.map(({ body }) => JSON.parse(body));
  expect(server.arrived[0]).toMatchObject({ method: "POST", url: "/api/v1/namespaces/ns/events" });
  expect(first).toMatchObject({
    apiVersion: "v1",
    kind: "Event",
    metadata: { namespace: "ns", name: expect.stringMatching(/^p\.[0-9a-f]+$/) },
    involvedObject: { apiVersion: "v1", kind: "Pod", namespace: "ns", name: "p", uid: "u1" },
    source: { component: "plexus" },
    type: "Warning",
    reason: "R",
    message: `${"é".repeat(510)}…`,
    count: 1,
  });
  expect(first.firstTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(first.lastTimestamp).toBe(first.firstTimestamp);
  expect(second.message).toBe("é".repeat(512));
  expect(second.metadata.name.length).toBeLessThanOrEqual(253);
  expect(second.metadata.name).not.toBe(first.metadata.name);
});
test.each<[string, Misbehaviour, number, string]>([
  [
    "401",
    status(401, { message: "Unauthorized" }),
    7,
    "401, Unauthorized: the credentials have expired, or are another cluster's; renew those of kubeconfig /k",
  ],
  [
    "403",
    status(403, { message: 'User "u" cannot get pods' }),
    7,
    '403, User "u" cannot get pods; give the user of kubeconfig /k an RBAC role',
  ],
  ["400", status(400, { message: "what?" }), 7, "400, what?; correct"],
  ["HTML", text(200, "<!doctype html><title>Sign in</title>"), 6, "is an HTML page"],
  [
    "HTML that says 404",
    text(404, "<html>"),
    6,
    "404, an HTML page; see that the server of kubeconfig /k is an API server",
  ],
  ["nothing", text(200, ""), 6, "is empty"],
  ["half a document", text(200, '{"kind":"Pod",'), 6, "is not complete JSON"],
  ["a list", text(200, "[]"), 6, "is not a JSON object"],
  ["another kind", say(200, { ...POD, kind: "Node" }), 6, 'is not Pod "p", but Node "p"'],
  ["another pod", say(200, { kind: "Pod", metadata: { name: "x" } }), 6, 'is not Pod "p", but Pod "x"'],
  [
    "a pod without UID",
    say(200, { kind: "Pod", metadata: { name: "p", namespace: "ns" } }),
    6,
    "`metadata.uid` is not a string",
  ],
  [
    "an annotation that is not a string",
    say(200, { kind: "Pod", metadata: { ...POD.metadata, annotations: { a: 1 } } }),
    6,
    "`metadata.annotations.a` is not a string",
  ],
  ["a status that is a list", say(200, { ...POD, status: [] }), 6, "`status` is not an object"],
  ["8 MiB and more", text(200, "x".repeat((8 << 20) + 1)), 6, "larger than 8 MiB"],
  ["a redirection", text(302, "", { Location: "https://login/" }), 6, "302, a redirection to https://login/"],
  ["no HTTP", (_, socket) => void socket.end("hello\r\n\r\n"), 6, "is not HTTP"],
])("%s is a fault at once", async (_, misbehave, code, words) => {
  server.next.push(misbehave);
  const fault = await faultOf(cluster.pod("ns", "p", ""));
  expect(fault).toMatchObject({ code, message: expect.stringContaining(words) });
  expect(fault.message).toContain(`GET ${server.url}${PODS}/p`);
  expect(server.arrived).toHaveLength(1);
});

test("a patch that a login page answers was not carried out", async () => {
  server.next.push(text(200, "<html>"));
  expect(await faultOf(cluster.annotate(pod, {}))).toMatchObject({ code: 6 });
});

test("an event is not sent again if it may have arrived", async () => {
  for (const misbehave of [reset, halfAnswer, status(500, {}), status(403, {})]) {
    server.next.push(misbehave);
    await faultOf(cluster.recordEvent(pod, { type: "Normal", reason: "R", message: "m" }));
  }
  expect(server.arrived).toHaveLength(4);
  server.next.push(status(429, {}));
  await cluster.recordEvent(pod, { type: "Normal", reason: "R", message: "m" });
  expect(server.arrived).toHaveLength(6);
});

test("a conf without kubeconfig has the cluster of the pod it runs in, or none", async () => {
  const warn = () => {};
  expect(openCluster("", {}, warn)).toBeUndefined();
  expect(openCluster("", { KUBERNETES_SERVICE_HOST: "10.0.0.1" }, warn)).toBeUndefined();
  const env = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "443" };
  expect(openCluster("", env, warn)).toBeDefined();
  expect(
    await faultOf(openCluster("/nowhere", env, warn)?.pod("ns", "p", "") as Promise<unknown>),
  ).toMatchObject({
    code: 7,
    message: expect.stringContaining("kubeconfig /nowhere does not exist"),
  });
});
