import * as http from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../launcher/clock.ts";
import { proxyOf } from "../../launcher/cluster/proxy.ts";
import { Authority, FakeApiserver } from "./fake-apiserver.ts";
import { clusterAt, connectionTo, faultOf, POD, PODS, pod } from "./fake-pod.ts";

let server: FakeApiserver;
const authority = new Authority("test-ca");
const other = new Authority("other-ca");
const serving = authority.issue("kube-apiserver", "IP:127.0.0.1,DNS:api.example");
const ca = Buffer.from(authority.cert);
afterAll(() => {
  authority.remove();
  other.remove();
});

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
  server = await FakeApiserver.start({ cert: serving.cert, key: serving.key, ca: authority.cert });
  server.objects.set(`${PODS}/p`, POD);
});
afterEach(() => {
  proxy.closeAllConnections();
  proxy.close();
  return server.stop();
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

test("the proxy of the environment is used, except for this node itself", async () => {
  const env = { HTTPS_PROXY: proxyUrl(), HTTP_PROXY: "http://192.0.2.1:1" };
  expect(await clusterAt("https://api.example:6443", { ca }, env).pod("ns", "p", "")).toEqual(pod);
  expect(tunnels).toEqual(["api.example:6443"]);
  expect(await clusterAt(server.url, { ca }, env).pod("ns", "p", "")).toEqual(pod);
  expect(tunnels).toHaveLength(1);
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
])("api.example:6443 and NO_PROXY %j: %s", (NO_PROXY, through) => {
  const env = { HTTPS_PROXY: "http://proxy:3128", NO_PROXY, HTTP_PROXY: "http://192.0.2.1:1" };
  const used = proxyOf(connectionTo("https://api.example:6443"), env);
  expect(used).toBe(through ? "http://proxy:3128" : undefined);
});

test.each([
  ["10.96.0.0/16", false],
  ["10.97.0.0/16", true],
  ["10.96.0.1", false],
  ["10.96.0.1:443", false],
  ["10.96.0.1:6443", true],
  ["0.1", true],
])("a service's address and NO_PROXY %j: %s", (NO_PROXY, through) => {
  const used = proxyOf(connectionTo("https://10.96.0.1:443"), { HTTPS_PROXY: "proxy:3128", NO_PROXY });
  expect(used).toBe(through ? "http://proxy:3128" : undefined);
});

test.each(["127.0.0.1", "127.9.9.9", "localhost", "[::1]"])("%s is this node itself", (host) => {
  for (const no_proxy of ["127.0.0.0/8", "", "10.0.0.0/8"]) {
    const env = { https_proxy: "http://proxy:3128", no_proxy };
    expect(proxyOf(connectionTo(`https://${host}:6443`), env)).toBeUndefined();
  }
});

test("a proxy that refuses is a fault that names it", async () => {
  proxy.removeAllListeners("connect");
  proxy.on("connect", (_, socket) => socket.end("HTTP/1.1 403 Forbidden\r\n\r\n"));
  const asked = clusterAt("https://api.example:6443", { ca, proxy: proxyUrl() }).pod("ns", "p", "", {
    deadlineMs: systemClock.now() + 300,
  });
  expect(await faultOf(asked)).toMatchObject({
    code: 11,
    message: expect.stringContaining("the proxy-url of kubeconfig /k does not let the request through"),
  });
});

test.each(["ftp://x", "http://", "x y"])("%j is not a proxy", async (bad) => {
  const fault = await faultOf(clusterAt(server.url, { ca, proxy: bad }).pod("ns", "p", ""));
  expect([fault.code, fault.message]).toEqual([7, expect.stringContaining(JSON.stringify(bad))]);
});
