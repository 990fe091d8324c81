import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { type Connection, inCluster } from "../../launcher/cluster/connection.ts";
import { accessBy } from "../../launcher/cluster/open.ts";
import { restCluster } from "../../launcher/cluster/rest.ts";
import { Authority, FakeApiserver, status, text } from "./fake-apiserver.ts";
import { clusterAt, faultOf, POD, PODS, pod } from "./fake-pod.ts";

let server: FakeApiserver;

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
    "the certificate-authority of kubeconfig /k (CN=other-ca) has not signed the API server's certificate",
  ],
  [
    "no CA",
    async () => ({}),
    "no public CA has signed the API server's certificate; set a certificate-authority in kubeconfig /k",
  ],
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
  const { code, message } = await faultOf(clusterAt(server.url, await more()).pod("ns", "p", ""));
  expect([code, message]).toEqual([7, expect.stringContaining(words)]);
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
  await serve(authority.issue("kube-apiserver", "IP:127.0.0.1", ["-days", "0"]));
  const { code, message } = await faultOf(clusterAt(server.url, { ca }).pod("ns", "p", ""));
  expect([code, message]).toEqual([7, expect.stringContaining("the API server's certificate has expired")]);
});

test("an expired client certificate is told from other credentials that are refused", async () => {
  await serve();
  const clientCertificate = asBuffers(authority.issue("old", undefined, ["-days", "0"]));
  server.next.push(status(401, { message: "Unauthorized" }));
  const { code, message } = await faultOf(
    clusterAt(server.url, { ca, clientCertificate }).pod("ns", "p", ""),
  );
  expect([code, message]).toEqual([
    7,
    expect.stringMatching(/the client certificate of kubeconfig \/k expired on .* GMT; renew it/),
  ]);
});

test("tls-server-name takes the place of the URL's host, insecure that of all", async () => {
  await serve(authority.issue("kube-apiserver", "DNS:api.example"));
  expect((await faultOf(clusterAt(server.url, { ca }).pod("ns", "p", ""))).code).toBe(7);
  expect(await clusterAt(server.url, { ca, serverName: "api.example" }).pod("ns", "p", "")).toEqual(pod);
  expect(server.arrived.at(-1)?.servername).toBe("api.example");
  expect(await clusterAt(server.url, { insecure: true }).pod("ns", "p", "")).toEqual(pod);
});

test("https spoken to a server of http, and the other way round, is a fault that says so", async () => {
  await serve();
  const plain = await FakeApiserver.start();
  const url = plain.url.replace("http:", "https:");
  expect(await faultOf(clusterAt(url, { ca }).pod("ns", "p", ""))).toMatchObject({
    code: 7,
    message: expect.stringContaining(
      "does not speak TLS; correct the server in kubeconfig /k: write http, not https",
    ),
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
    const cluster = restCluster(accessBy(async () => inCluster("127.0.0.1", `${server.port}`, mounted), {}));
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
