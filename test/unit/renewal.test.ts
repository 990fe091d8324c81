// What is renewed on a node while a process lives: it is used from the next request on, without a restart.
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Cluster } from "../../launcher/cluster/cluster.ts";
import { inCluster } from "../../launcher/cluster/connection.ts";
import { readKubeconfig } from "../../launcher/cluster/kubeconfig.ts";
import { accessBy } from "../../launcher/cluster/open.ts";
import { restCluster } from "../../launcher/cluster/rest.ts";
import { Transport } from "../../launcher/cluster/transport.ts";
import { Authority, FakeApiserver, status } from "./fake-apiserver.ts";
import { base64, kubeconfig } from "./fake-kubeconfig.ts";
import { faultOf, POD, PODS } from "./fake-pod.ts";

const UNAUTHORIZED = status(401, { reason: "Unauthorized", message: "Unauthorized" });

let ca: Authority;
let server: FakeApiserver;
let dir: string;
let path: string;
beforeAll(() => {
  ca = new Authority("one");
});
afterAll(() => ca.remove());
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "plexus-renewal-"));
  path = join(dir, "kubeconfig");
  server = await start(ca);
});
afterEach(async () => {
  await server.stop();
  rmSync(dir, { recursive: true });
});

async function start(authority: Authority, port = 0): Promise<FakeApiserver> {
  const { cert, key } = authority.issue("server", "IP:127.0.0.1");
  const started = await FakeApiserver.start({ cert, key, ca: authority.cert }, port);
  started.objects.set(`${PODS}/p`, POD);
  return started;
}

/** Writes a file as programs do that renew one: another one takes its name. */
function put(name: string, text: string, mode = 0o600): string {
  const file = join(dir, name);
  writeFileSync(`${file}.new`, text, { mode });
  renameSync(`${file}.new`, file);
  return file;
}

function configure(user: object, more: object = {}): void {
  const cluster = { server: server.url, "certificate-authority-data": base64(ca.cert), ...more };
  put("kubeconfig", JSON.stringify(kubeconfig(cluster, user)));
}

function open(): Cluster {
  return restCluster(accessBy(() => readKubeconfig(path, () => {}), {}));
}

function ask(cluster: Cluster) {
  return cluster.pod("ns", "p", "u1");
}

function tokens(): (string | undefined)[] {
  return server.arrived.map(({ headers }) => headers.authorization);
}

test("an inline token in a kubeconfig that is rewritten", async () => {
  configure({ token: "one" });
  const cluster = open();
  await ask(cluster);
  await ask(cluster);
  configure({ token: "two" });
  await ask(cluster);
  expect(tokens()).toEqual(["Bearer one", "Bearer one", "Bearer two"]);
});

test("a kubeconfig that is half written, or missing for a moment, leaves what is kept in use", async () => {
  configure({ token: "one" });
  const cluster = open();
  await ask(cluster);
  put("kubeconfig", '{"apiVersion":');
  await ask(cluster);
  rmSync(path);
  await ask(cluster);
  configure({ token: "two" });
  await ask(cluster);
  expect(tokens()).toEqual(["Bearer one", "Bearer one", "Bearer one", "Bearer two"]);
});

test("a client certificate and its key, in files or behind a link", async () => {
  const issue = (name: string) => {
    const { cert, key } = ca.issue(name);
    return put(`${name}.pem`, cert + key);
  };
  symlinkSync(issue("one"), join(dir, "current.pem"));
  configure({ "client-certificate": "current.pem", "client-key": "current.pem" });
  const cluster = open();
  await ask(cluster);
  symlinkSync(issue("two"), join(dir, "next.pem"));
  renameSync(join(dir, "next.pem"), join(dir, "current.pem"));
  await ask(cluster);
  expect(server.arrived.map(({ commonName }) => commonName)).toEqual(["one", "two"]);
});

test("a token file", async () => {
  put("token", "one");
  configure({ tokenFile: "token" });
  const cluster = open();
  await ask(cluster);
  put("token", "two");
  await ask(cluster);
  expect(tokens()).toEqual(["Bearer one", "Bearer two"]);
});

test.each(["a kubeconfig", "a service account"])(
  "the CA of %s, when the server has a certificate of a new one",
  async (of) => {
    put("ca.crt", ca.cert);
    put("token", "t");
    configure({ token: "t" }, { "certificate-authority-data": undefined, "certificate-authority": "ca.crt" });
    const { port } = server;
    const cluster =
      of === "a kubeconfig"
        ? open()
        : restCluster(accessBy(async () => inCluster("127.0.0.1", `${port}`, dir), {}));
    await ask(cluster);
    const next = new Authority("two");
    try {
      await server.stop();
      server = await start(next, port);
      expect((await faultOf(ask(cluster))).message).toContain("has not signed");
      put("ca.crt", next.cert);
      expect(await ask(cluster)).toMatchObject({ uid: "u1" });
    } finally {
      next.remove();
    }
  },
);

/** A program whose token says how often it has been executed. */
function program(expires: string): object {
  const command = put(
    "plugin",
    `#!/bin/sh\necho x >> ${dir}/count\nn=$(wc -l < ${dir}/count)\n` +
      `echo '{"kind":"ExecCredential","status":{"token":"'$n'"${expires}}}'\n`,
    0o700,
  );
  return { exec: { apiVersion: "client.authentication.k8s.io/v1", command } };
}

test("a program's token, once it has expired", async () => {
  const at = (ms: number) => `,"expirationTimestamp":"${new Date(ms).toISOString()}"`;
  configure(program(at(Date.now() + 3600_000)));
  const cluster = open();
  await ask(cluster);
  await ask(cluster);
  expect(tokens()).toEqual(["Bearer 1", "Bearer 1"]);
  configure(program(at(Date.now() - 1000)));
  await ask(cluster);
  await ask(cluster);
  expect(tokens().slice(2)).toEqual(["Bearer 2", "Bearer 3"]);
});

test("a program's token that does not expire, once the server refuses it: for a POST and a watch too", async () => {
  configure(program(""));
  const transport = await Transport.open(accessBy(() => readKubeconfig(path, () => {}), {}));
  const request = { method: "POST", path: "/x", type: "application/json", body: "{}" } as const;
  await transport.send(request);
  server.next.push(UNAUTHORIZED);
  expect(await transport.send(request)).toMatchObject({ status: 201 });
  server.next.push(UNAUTHORIZED);
  const forever = new AbortController().signal;
  expect(await transport.follow(`${PODS}/p`, { read: () => {} }, 20_000, forever)).toBeUndefined();
  expect(tokens()).toEqual(["Bearer 1", "Bearer 1", "Bearer 2", "Bearer 2", "Bearer 3"]);
});

test("many requests at once renew once", async () => {
  configure(program(""));
  const cluster = open();
  await ask(cluster);
  server.revoked.add("Bearer 1");
  await Promise.all(Array.from({ length: 10 }, () => ask(cluster)));
  const [, ...asked] = tokens();
  expect(new Set(asked)).toEqual(new Set(["Bearer 1", "Bearer 2"]));
  expect(asked.filter((token) => token === "Bearer 2")).toHaveLength(10);
});

test("a refusal that stays is tried once more, and no more; at a first request not at all", async () => {
  configure(program(""));
  server.next.push(...Array.from({ length: 9 }, () => UNAUTHORIZED));
  const cluster = open();
  expect((await faultOf(ask(cluster))).message).toContain("answered 401");
  expect(tokens()).toEqual(["Bearer 1"]);
  expect((await faultOf(ask(cluster))).message).toContain("answered 401");
  expect(tokens()).toEqual(["Bearer 1", "Bearer 1", "Bearer 2"]);
});

test("an auth-provider's token, from a kubeconfig that something renews", async () => {
  const tokenOf = (who: string, exp: number) =>
    `e30.${Buffer.from(JSON.stringify({ who, exp })).toString("base64url")}.e30`;
  const use = (token: string) =>
    configure({ "auth-provider": { name: "oidc", config: { "id-token": token, "client-id": "plexus" } } });
  const [one, two] = ["one", "two"].map((who) => tokenOf(who, Date.now() / 1000 + 3600));
  use(one as string);
  const cluster = open();
  await ask(cluster);
  use(two as string);
  await ask(cluster);
  expect(tokens()).toEqual([`Bearer ${one}`, `Bearer ${two}`]);
});
