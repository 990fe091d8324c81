import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import * as http from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Cluster, Pod } from "../../launcher/cluster/cluster.ts";
import { type Connection, inCluster } from "../../launcher/cluster/connection.ts";
import { openCluster } from "../../launcher/cluster/open.ts";
import { restCluster } from "../../launcher/cluster/rest.ts";
import { Fault } from "../../launcher/fault.ts";
import {
  Authority,
  FakeApiserver,
  halfAnswer,
  hang,
  type Misbehaviour,
  reset,
  say,
  status,
  text,
} from "./fake-apiserver.ts";

const PODS = "/api/v1/namespaces/ns/pods";
const NADS = "/apis/k8s.cni.cncf.io/v1/namespaces/ns/network-attachment-definitions";
const POD = {
  kind: "Pod",
  metadata: { namespace: "ns", name: "p", uid: "u1", annotations: { a: "1", "b/c": "2" } },
  spec: {
    nodeName: "node1",
    resourceClaims: [
      { name: "by-name", resourceClaimName: "c1" },
      { name: "by-template", resourceClaimTemplateName: "t" },
      { name: "not-needed", resourceClaimTemplateName: "t" },
    ],
  },
  status: {
    resourceClaimStatuses: [{ name: "by-template", resourceClaimName: "p-c2" }, { name: "not-needed" }],
    extendedResourceClaimStatus: {
      resourceClaimName: "p-ext",
      requestMappings: [{ containerName: "c", resourceName: "intel.com/vf", requestName: "r0" }],
    },
  },
};
const pod: Pod = {
  namespace: "ns",
  name: "p",
  uid: "u1",
  annotations: { a: "1", "b/c": "2" },
  resourceClaims: new Map([
    ["by-name", "c1"],
    ["by-template", "p-c2"],
  ]),
  nodeName: "node1",
  extendedResourceClaim: { claim: "p-ext", mappings: [{ request: "r0", resourceName: "intel.com/vf" }] },
};

/** In milliseconds: soon, also on a loaded machine, when the limit for a request is 30 s. */
const FAR_BELOW_THE_LIMIT = 20_000;

let server: FakeApiserver;

function connectionTo(url: string, more: Partial<Connection> = {}): Connection {
  return {
    source: "kubeconfig /k",
    server: new URL(url),
    ca: undefined,
    clientCertificate: undefined,
    insecure: false,
    serverName: undefined,
    proxy: undefined,
    headers: {},
    authorization: () => "Bearer t",
    ...more,
  };
}

function clusterAt(url: string, more: Partial<Connection> = {}, env = {}): Cluster {
  return restCluster(async () => connectionTo(url, more), env);
}

/** The fault that `promise` rejects with. */
async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const fault = await promise.catch((error) => error);
  expect(fault).toBeInstanceOf(Fault);
  return fault as Fault;
}

describe("with an API server", () => {
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
    expect(message).toContain("is the server of kubeconfig /k an API server?");
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
  ])("%j is no name, and asks nothing", async (name) => {
    for (const call of [
      cluster.pod("ns", name, ""),
      cluster.pod(name, "p", ""),
      cluster.nad("ns", name),
      cluster.nad(name, "n"),
    ])
      expect((await faultOf(call)).code).toBe(7);
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

  test("one connection serves requests that come one after the other, or few at once", async () => {
    await cluster.pod("ns", "p", "");
    await Promise.all(["a", "b", "c"].map((name) => cluster.nad("ns", name)));
    expect(server.connections).toBe(1);
    await Promise.all(Array.from({ length: 40 }, (_, index) => cluster.nad("ns", `n${index}`)));
    expect(server.connections).toBe(4);
    expect(server.arrived).toHaveLength(44);
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

  test("annotations that the API server finds invalid are no pod that is gone", async () => {
    const message = "metadata.annotations: Too long: must have at most 262144 bytes";
    server.next.push(status(422, { reason: "Invalid", message }));
    expect(await faultOf(cluster.annotate(pod, {}))).toMatchObject({
      code: 7,
      message: expect.stringContaining(message),
    });
  });

  test("an event is about the pod, and no longer than Kubernetes takes", async () => {
    await cluster.tell(pod, { type: "Warning", reason: "R", message: "é".repeat(600) });
    await cluster.tell(
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

  describe("that misbehaves", () => {
    const passing: [string, Misbehaviour][] = [
      ["429", status(429, { message: "too many requests" }, { "Retry-After": "0" })],
      ["500", status(500, { message: "etcdserver: leader changed" })],
      ["502 of a proxy", text(502, "<html>Bad Gateway</html>")],
      ["503", text(503, "")],
      ["504", text(504, "")],
      ["a reset connection", reset],
      ["half an answer", halfAnswer],
    ];
    test.each(passing)("%s passes", async (_, misbehave) => {
      server.next.push(misbehave, misbehave);
      expect(await cluster.pod("ns", "p", "")).toEqual(pod);
      server.next.push(misbehave);
      await cluster.annotate(pod, {});
      expect(server.arrived.map(({ method }) => method)).toEqual(["GET", "GET", "GET", "PATCH", "PATCH"]);
    });

    test.each([
      ...passing.map(([name, misbehave]): [string, Misbehaviour, string] => [name, misbehave, ""]),
      ["no answer", hang, "no answer within"] as [string, Misbehaviour, string],
    ])("%s that does not pass is a fault in time", async (name, misbehave, words) => {
      server.next.push(...Array(50).fill(misbehave));
      const start = performance.now();
      const { code, message } = await faultOf(cluster.pod("ns", "p", "", { within: 700 }));
      expect(performance.now() - start).toBeLessThan(FAR_BELOW_THE_LIMIT);
      expect(code).toBe(11);
      expect(message).toContain(`GET ${server.url}${PODS}/p: ${words}`);
      expect(server.arrived.length).toBeGreaterThan(name === "no answer" ? 0 : 2);
    });

    test("tries come later and later, and not all at the same moments", async () => {
      const gaps = async () => {
        server.arrived.length = 0;
        server.next.push(...Array(4).fill(text(503, "")));
        await cluster.pod("ns", "p", "");
        return server.arrived.slice(1).map(({ at }, index) => at - (server.arrived[index]?.at ?? 0));
      };
      const first = await gaps();
      expect(first).toHaveLength(4);
      first.forEach((gap, index) => {
        expect(gap).toBeGreaterThan(50 * 2 ** index - 5);
      });
      const rounded = (gap: number) => Math.round(gap);
      expect((await gaps()).map(rounded)).not.toEqual(first.map(rounded));
    });

    test("Retry-After is waited for, unless that is longer than there is time", async () => {
      server.next.push(status(429, {}, { "Retry-After": "1" }));
      const start = performance.now();
      await cluster.pod("ns", "p", "");
      expect(performance.now() - start).toBeGreaterThan(995);
      server.next.push(status(503, { message: "not now" }, { "Retry-After": "60" }));
      const { code, message } = await faultOf(cluster.pod("ns", "p", "", { within: 2000 }));
      expect([code, message]).toEqual([11, expect.stringContaining("503, not now")]);
      expect(performance.now() - start).toBeLessThan(FAR_BELOW_THE_LIMIT);
    });

    test.each<[string, Misbehaviour]>([
      ["401", status(401, {})],
      ["403", status(403, {})],
      ["404 for a kind", text(404, "404 page not found\n")],
    ])("%s of a server that was away a moment ago passes too", async (_, misbehave) => {
      server.next.push(text(503, ""), misbehave, misbehave);
      expect(await cluster.pod("ns", "p", "")).toEqual(pod);
      server.next.push(misbehave);
      await cluster.pod("ns", "p", "").catch(() => {});
      expect(server.arrived).toHaveLength(5);
    });

    test("a kept connection that the server has closed is no fault", async () => {
      await cluster.pod("ns", "p", "");
      server.hangUp();
      // The close is not noticed before the next request, as after a delegate was executed.
      await cluster.annotate(pod, {});
      expect(server.arrived.map(({ method }) => method)).toEqual(["GET", "PATCH"]);
    });

    test("an answer that waits while this process is busy is not late", async () => {
      server.next.push((response) => {
        say(200, POD)(response);
        const until = performance.now() + 600; // as in spawnSync
        while (performance.now() < until);
      });
      expect(await cluster.pod("ns", "p", "", { within: 300 })).toEqual(pod);
      expect(server.arrived).toHaveLength(1);
    });

    test.each<[string, Misbehaviour, number, string]>([
      [
        "401",
        status(401, { message: "Unauthorized" }),
        7,
        "401, Unauthorized: renew the credentials of kubeconfig /k",
      ],
      [
        "403",
        status(403, { message: 'User "u" cannot get pods' }),
        7,
        '403, User "u" cannot get pods: an RBAC role',
      ],
      ["400", status(400, { message: "what?" }), 7, "400, what?: correct"],
      ["HTML", text(200, "<!doctype html><title>Sign in</title>"), 6, "is an HTML page"],
      [
        "HTML that says 404",
        text(404, "<html>"),
        6,
        "404, an HTML page: is the server of kubeconfig /k an API server?",
      ],
      ["nothing", text(200, ""), 6, "is empty"],
      ["half a document", text(200, '{"kind":"Pod",'), 6, "is not whole JSON"],
      ["a list", text(200, "[]"), 6, 'is not Pod "p", but nothing'],
      ["another kind", say(200, { ...POD, kind: "Node" }), 6, 'is not Pod "p", but Node "p"'],
      ["another pod", say(200, { kind: "Pod", metadata: { name: "x" } }), 6, 'is not Pod "p", but Pod "x"'],
      [
        "a pod without UID",
        say(200, { kind: "Pod", metadata: { name: "p", namespace: "ns" } }),
        6,
        "`metadata.uid` is not a string",
      ],
      [
        "an annotation that is no string",
        say(200, { kind: "Pod", metadata: { ...POD.metadata, annotations: { a: 1 } } }),
        6,
        "`metadata.annotations.a` is not a string",
      ],
      ["a status that is a list", say(200, { ...POD, status: [] }), 6, "`status` is not an object"],
      ["8 MiB and more", text(200, "x".repeat((8 << 20) + 1)), 6, "larger than 8 MiB"],
      [
        "a redirection",
        text(302, "", { Location: "https://login/" }),
        6,
        "302, a redirection to https://login/",
      ],
      ["no HTTP", (_, socket) => void socket.end("hello\r\n\r\n"), 6, "is not HTTP"],
    ])("%s is a fault at once", async (_, misbehave, code, words) => {
      server.next.push(misbehave);
      const start = performance.now();
      const fault = await faultOf(cluster.pod("ns", "p", ""));
      expect(fault).toMatchObject({ code, message: expect.stringContaining(words) });
      expect(fault.message).toContain(`GET ${server.url}${PODS}/p`);
      expect(performance.now() - start).toBeLessThan(FAR_BELOW_THE_LIMIT);
      expect(server.arrived).toHaveLength(1);
    });

    test("a patch that a login page answers was not carried out", async () => {
      server.next.push(text(200, "<html>"));
      expect(await faultOf(cluster.annotate(pod, {}))).toMatchObject({ code: 6 });
    });

    test("an event is not sent again where it may have arrived, and its loss is no fault", async () => {
      for (const misbehave of [reset, halfAnswer, status(500, {}), status(403, {})]) {
        server.next.push(misbehave);
        await cluster.tell(pod, { type: "Normal", reason: "R", message: "m" });
      }
      expect(server.arrived).toHaveLength(4);
      server.next.push(status(429, {}));
      await cluster.tell(pod, { type: "Normal", reason: "R", message: "m" });
      expect(server.arrived).toHaveLength(6);
    });
  });
});

describe("without an API server", () => {
  test("one that comes back is waited for", async () => {
    const port = await freePort();
    const asked = clusterAt(`http://127.0.0.1:${port}`).pod("ns", "p", "");
    await new Promise((resolve) => setTimeout(resolve, 300));
    const back = await FakeApiserver.start(undefined, port);
    back.objects.set(`${PODS}/p`, POD);
    expect(await asked).toEqual(pod);
    await back.stop();
  });

  test("one that does not is a fault within the time given", async () => {
    const port = await freePort();
    const start = performance.now();
    const { code, message } = await faultOf(
      clusterAt(`http://127.0.0.1:${port}`).pod("ns", "p", "", { within: 500 }),
    );
    expect([code, message]).toEqual([
      11,
      expect.stringContaining(`http://127.0.0.1:${port}${PODS}/p: nothing listens there`),
    ]);
    expect(message).toMatch(/\(the last of \d tries in 0.5 s\)$/);
    expect(performance.now() - start).toBeLessThan(FAR_BELOW_THE_LIMIT);
  });

  test("a name that DNS does not know is a fault that says so", async () => {
    const { code, message } = await faultOf(
      clusterAt("http://api.invalid:80").pod("ns", "p", "", { within: 200 }),
    );
    expect([code, message]).toEqual([11, expect.stringContaining("DNS does not know")]);
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
});

describe("over TLS", () => {
  const authority = new Authority("test-ca");
  const other = new Authority("other-ca");
  const serving = authority.issue("kube-apiserver", "IP:127.0.0.1,DNS:api.example");
  const ca = Buffer.from(authority.cert);
  const asBuffers = ({ cert, key }: { cert: string; key: string }) => ({
    cert: Buffer.from(cert),
    key: Buffer.from(key),
  });
  afterAll(() => {
    authority.remove();
    other.remove();
  });
  afterEach(() => server.stop());
  const serve = async (pair = serving) => {
    server = await FakeApiserver.start({ cert: pair.cert, key: pair.key, ca: authority.cert });
    server.objects.set(`${PODS}/p`, POD);
  };

  test("the CA is what the server is believed by, and a client certificate says who we are", async () => {
    await serve();
    const clientCertificate = asBuffers(authority.issue("system:multus:node1"));
    const cluster = clusterAt(server.url, { ca, clientCertificate, authorization: () => undefined });
    expect(await cluster.pod("ns", "p", "")).toEqual(pod);
    expect(server.arrived[0]).toMatchObject({ commonName: "system:multus:node1" });
    expect(server.arrived[0]?.headers.authorization).toBeUndefined();
    await Promise.all(Array.from({ length: 9 }, () => cluster.pod("ns", "p", "")));
    expect(server.connections).toBe(3);
  });

  test("certificate and key may be in one file", async () => {
    await serve();
    const { cert, key } = authority.issue("both");
    for (const both of [Buffer.from(cert + key), Buffer.from(key + cert)]) {
      const clientCertificate = { cert: both, key: both };
      await clusterAt(server.url, { ca, clientCertificate }).pod("ns", "p", "");
    }
    expect(server.arrived.map(({ commonName }) => commonName)).toEqual(["both", "both"]);
  });

  const refused: [string, () => Promise<Partial<Connection>>, string][] = [
    [
      "another CA",
      async () => ({ ca: Buffer.from(other.cert) }),
      "not signed by the certificate-authority of kubeconfig /k (CN=other-ca)",
    ],
    ["no CA", async () => ({}), "not signed by a public CA: kubeconfig /k must have"],
    [
      "a damaged CA",
      async () => ({ ca: Buffer.from("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") }),
      "the certificate-authority of kubeconfig /k is damaged",
    ],
    [
      "another server name",
      async () => ({ ca, serverName: "other.example" }),
      "the server's certificate is for another name",
    ],
    [
      "another address as server name",
      async () => ({ ca, serverName: "192.0.2.1" }),
      "the server's certificate is for another name",
    ],
    [
      "a key of another certificate",
      async () => ({
        ca,
        clientCertificate: { ...asBuffers(authority.issue("a")), key: Buffer.from(authority.issue("b").key) },
      }),
      "its certificates or its key cannot be used",
    ],
  ];
  test.each(refused)("%s is a fault at once", async (_, more, words) => {
    await serve();
    const start = performance.now();
    const { code, message } = await faultOf(clusterAt(server.url, await more()).pod("ns", "p", ""));
    expect([code, message]).toEqual([7, expect.stringContaining(words)]);
    expect(performance.now() - start).toBeLessThan(FAR_BELOW_THE_LIMIT);
    expect(server.arrived).toEqual([]);
  });

  test("the environment cannot switch verification off", async () => {
    await serve();
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
    try {
      expect((await faultOf(clusterAt(server.url).pod("ns", "p", ""))).code).toBe(7);
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    }
  });

  test("an expired server certificate is a fault at once", async () => {
    await serve(authority.issue("kube-apiserver", "IP:127.0.0.1", ["-days", "-1"]));
    const { code, message } = await faultOf(clusterAt(server.url, { ca }).pod("ns", "p", ""));
    expect([code, message]).toEqual([7, expect.stringContaining("the API server's certificate has expired")]);
  });

  test("an expired client certificate is told from other credentials that are refused", async () => {
    await serve();
    const clientCertificate = asBuffers(authority.issue("old", undefined, ["-days", "-1"]));
    server.next.push(status(401, { message: "Unauthorized" }));
    const { code, message } = await faultOf(
      clusterAt(server.url, { ca, clientCertificate }).pod("ns", "p", ""),
    );
    expect([code, message]).toEqual([
      7,
      expect.stringMatching(/the client certificate of kubeconfig \/k expired on .* GMT: renew it/),
    ]);
  });

  test("tls-server-name takes the place of the URL's host, insecure that of all", async () => {
    await serve(authority.issue("kube-apiserver", "DNS:api.example"));
    expect((await faultOf(clusterAt(server.url, { ca }).pod("ns", "p", ""))).code).toBe(7);
    expect(await clusterAt(server.url, { ca, serverName: "api.example" }).pod("ns", "p", "")).toEqual(pod);
    expect(await clusterAt(server.url, { insecure: true }).pod("ns", "p", "")).toEqual(pod);
  });

  test("https spoken to a server of http, and the other way round, is a fault that says so", async () => {
    await serve();
    const plain = await FakeApiserver.start();
    const url = plain.url.replace("http:", "https:");
    expect(await faultOf(clusterAt(url, { ca }).pod("ns", "p", ""))).toMatchObject({
      code: 7,
      message: expect.stringContaining("does not speak TLS: kubeconfig /k says https, is it http?"),
    });
    const words = "Client sent an HTTP request to an HTTPS server.";
    plain.next.push(text(400, `${words}\n`));
    expect((await faultOf(clusterAt(plain.url).pod("ns", "p", ""))).message).toContain(words);
    await plain.stop();
  });

  test("a path in the server's URL is kept", async () => {
    await serve();
    server.objects.set(`/k8s/clusters/c-1${PODS}/p`, POD);
    for (const path of ["/k8s/clusters/c-1", "/k8s/clusters/c-1/"])
      expect(await clusterAt(server.url + path, { ca }).pod("ns", "p", "")).toEqual(pod);
  });

  test("the service account's token is read anew for each request", async () => {
    await serve();
    const mounted = mkdtempSync(join(tmpdir(), "plexus-serviceaccount-"));
    try {
      writeFileSync(join(mounted, "ca.crt"), authority.cert);
      writeFileSync(join(mounted, "token"), "first\n");
      const cluster = restCluster(async () => inCluster("127.0.0.1", `${server.port}`, mounted), {});
      await cluster.pod("ns", "p", "");
      writeFileSync(join(mounted, "token"), "second");
      await cluster.pod("ns", "p", "");
      expect(server.arrived.map(({ headers }) => headers.authorization)).toEqual([
        "Bearer first",
        "Bearer second",
      ]);
      rmSync(join(mounted, "token"));
      expect(await faultOf(cluster.pod("ns", "p", ""))).toMatchObject({
        code: 11,
        message: expect.stringContaining("token"),
      });
    } finally {
      rmSync(mounted, { recursive: true });
    }
  });

  describe("through a proxy", () => {
    let tunnels: string[];
    let proxy: http.Server;
    const proxyUrl = (user = "") => `http://${user}127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    beforeEach(async () => {
      tunnels = [];
      proxy = http.createServer();
      proxy.on("connect", (request, socket: Socket) => {
        tunnels.push(`${request.url} ${request.headers["proxy-authorization"] ?? ""}`.trim());
        // Every name is that of the server here.
        const onward = connect(server.port, "127.0.0.1", () => {
          socket.write("HTTP/1.1 200 OK\r\n\r\n");
          socket.pipe(onward).pipe(socket);
        });
        for (const end of [onward, socket]) end.on("error", () => {});
      });
      await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
      await serve();
    });
    afterEach(() => {
      proxy.closeAllConnections();
      proxy.close();
    });

    test("proxy-url is used, with its user", async () => {
      const cluster = clusterAt("https://api.example:6443", { ca, proxy: proxyUrl("user:p%40ss@") });
      expect(await cluster.pod("ns", "p", "")).toEqual(pod);
      const basic = Buffer.from("user:p@ss").toString("base64");
      expect(tunnels).toEqual([`api.example:6443 Basic ${basic}`]);
    });

    test("a proxy sees no token, and cannot stand in for the server", async () => {
      const cluster = clusterAt("https://api.example:6443", {
        ca: Buffer.from(other.cert),
        proxy: proxyUrl(),
      });
      expect((await faultOf(cluster.pod("ns", "p", ""))).code).toBe(7);
      expect(server.arrived).toEqual([]);
    });

    test.each([
      ["", true],
      ["example", false],
      ["pi.example", true],
      ["10.0.0.0/8", true],
      ["api.example:443", true],
      ["api.example", false],
      ["API.example ", false],
      ["x, .example", false],
      ["*.example", false],
      ["api.example:6443", false],
      ["*", false],
    ])("of the environment, NO_PROXY %j: %s", async (NO_PROXY, through) => {
      const env = { HTTPS_PROXY: proxyUrl(), NO_PROXY, HTTP_PROXY: "http://192.0.2.1:1" };
      const asked = clusterAt("https://api.example:6443", { ca }, env).pod("ns", "p", "", { within: 300 });
      if (through) expect(await asked).toEqual(pod);
      else await faultOf(asked);
      expect(tunnels).toEqual(through ? ["api.example:6443"] : []);
    });

    test.each(["127.0.0.0/8", "", "10.0.0.0/8"])(
      "never for this node itself: NO_PROXY %j",
      async (NO_PROXY) => {
        const env = { https_proxy: proxyUrl(), no_proxy: NO_PROXY };
        expect(await clusterAt(server.url, { ca }, env).pod("ns", "p", "")).toEqual(pod);
        expect(tunnels).toEqual([]);
      },
    );

    test.each([
      ["10.96.0.0/16", false],
      ["10.97.0.0/16", true],
      ["10.96.0.1", false],
      ["10.96.0.1:443", false],
      ["10.96.0.1:6443", true],
      ["0.1", true],
    ])("a service's address and NO_PROXY %j: %s", async (NO_PROXY, through) => {
      const env = { HTTPS_PROXY: proxyUrl(), NO_PROXY };
      const asked = clusterAt("https://10.96.0.1:443", { ca, insecure: true }, env).pod("ns", "p", "", {
        within: 300,
      });
      if (through) expect(await asked).toEqual(pod);
      else await faultOf(asked);
      expect(tunnels).toEqual(through ? ["10.96.0.1:443"] : []);
    });

    test("a proxy that refuses is a fault that names it", async () => {
      proxy.removeAllListeners("connect");
      proxy.on("connect", (_, socket) => socket.end("HTTP/1.1 403 Forbidden\r\n\r\n"));
      const asked = clusterAt("https://api.example:6443", { ca, proxy: proxyUrl() }).pod("ns", "p", "", {
        within: 300,
      });
      expect(await faultOf(asked)).toMatchObject({
        code: 11,
        message: expect.stringContaining("the proxy-url of kubeconfig /k does not let us through"),
      });
    });

    test.each(["ftp://x", "http://", "x y"])("%j is no proxy", async (bad) => {
      const fault = await faultOf(clusterAt(server.url, { ca, proxy: bad }).pod("ns", "p", ""));
      expect([fault.code, fault.message]).toEqual([7, expect.stringContaining(JSON.stringify(bad))]);
    });
  });
});

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const fake = await FakeApiserver.start();
  const { port } = fake;
  await fake.stop();
  return port;
}
