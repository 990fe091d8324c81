// What lives long beside a real API server: what it follows, and what is renewed under its feet.
import * as fs from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { Cluster } from "../../launcher/cluster/cluster.ts";
import { readKubeconfig } from "../../launcher/cluster/kubeconfig.ts";
import { accessBy } from "../../launcher/cluster/open.ts";
import { restCluster } from "../../launcher/cluster/rest.ts";
import { WatchedCluster } from "../../launcher/cluster/watch.ts";
import { ApiServer } from "../support/apiserver.ts";
import { until } from "../support/until.ts";

const ACCOUNT = { name: "plexus", namespace: "kube-system" };

let api: ApiServer;
let dir: string;
beforeAll(async () => {
  api = await ApiServer.start();
  const rbac = new URL("../../deploy/daemon/rbac.yaml", import.meta.url);
  await api.apply(fs.readFileSync(rbac, "utf8"));
  await api.apply(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: plexus-follows }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: plexus-daemon }
subjects: [{ kind: ServiceAccount, name: plexus, namespace: kube-system }]
`);
});
afterAll(() => api?.stop());

let followed: WatchedCluster | undefined;
beforeEach(() => {
  dir = fs.mkdtempSync(join(api.dir, "node-"));
});
afterEach(() => {
  followed?.stop();
  followed = undefined;
});

function clusterBy(kubeconfig: string): Cluster {
  return restCluster(accessBy(() => readKubeconfig(kubeconfig, () => {}), process.env));
}

function follow(kubeconfig: string, warn: (message: string) => void = () => {}): WatchedCluster {
  const access = accessBy(() => readKubeconfig(kubeconfig, () => {}), process.env);
  followed = new WatchedCluster({ ...access, nodeName: "node", warn });
  return followed;
}

async function putNad(name: string, config: string): Promise<void> {
  await api.admin.create({
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name, namespace: "default" },
    spec: { config },
  } as never);
}

/** Writes a file as programs do that renew one: another one takes its name. */
function put(path: string, text: string, mode = 0o600): void {
  fs.writeFileSync(`${path}.new`, text, { mode });
  fs.renameSync(`${path}.new`, path);
}

/** A kubeconfig whose user is as given, in JSON. */
function kubeconfigWith(user: object): string {
  const path = join(dir, "kubeconfig");
  const cluster = { server: api.url, "certificate-authority": api.authority.cert };
  const context = { cluster: "c", user: "u" };
  const content = {
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user }],
    contexts: [{ name: "x", context }],
    "current-context": "x",
  };
  put(path, JSON.stringify(content));
  return path;
}

/** Every token of before is refused from now on. */
async function replaceAccount(cluster: Cluster): Promise<void> {
  await api.core.deleteNamespacedServiceAccount(ACCOUNT);
  const { name, namespace } = ACCOUNT;
  await api.core.createNamespacedServiceAccount({ namespace, body: { metadata: { name } } });
  await until("the old token is refused", async () => {
    const why = await ask(cluster).catch((error: Error) => error.message);
    return typeof why === "string" && why.includes("answered 401");
  });
}

function ask(cluster: Cluster) {
  return cluster.pod("default", "no-such-pod", "");
}

it("pods and networks are listed from the server's watch cache and followed, through a restart of the server", async () => {
  await putNad("one", '{"type":"one"}');
  const began = Date.now();
  const warnings: string[] = [];
  const { cluster, kinds, problem } = withProblem(
    follow(api.kubeconfig("plexus"), (text) => warnings.push(text)),
  );
  await until("both kinds are known", () => kinds.every(({ synced }) => synced));
  expect(await problem()).toBeUndefined();
  expect(warnings).toEqual([]);
  const sent = () => api.requests().filter(({ at, uri }) => at >= began && !uri.includes("watch=1"));
  const lists = () => sent().filter(({ verb }) => verb === "list");
  expect(lists().map(({ uri }) => uri)).toEqual([
    expect.stringMatching(/limit=500&resourceVersion=0$/),
    expect.stringMatching(/limit=500&resourceVersion=0$/),
  ]);
  await putNad("two", '{"type":"two"}');
  const gets = () => sent().filter(({ uri }) => uri.includes("network-attachment-definitions/")).length;
  await until("what is new is known", () => kinds[1]?.count === 2);
  expect(await cluster.nad("default", "two")).toMatchObject({ config: '{"type":"two"}' });
  expect(gets()).toBe(0);

  await api.down();
  await until("the outage is noticed", () => warnings.length > 0);
  expect(await cluster.nad("default", "one")).toMatchObject({ config: '{"type":"one"}' });
  await api.up();
  await putNad("three", '{"type":"three"}');
  await until("what was made after the restart is known", () => kinds[1]?.count === 3);
  for (const { uri } of lists().slice(2)) expect(uri).toMatch(/resourceVersion=\d+$/);
  await until("all is well", async () => (await problem()) === undefined);
});

function withProblem(watched: WatchedCluster) {
  const { cluster, kinds } = watched;
  return { cluster, kinds, problem: () => watched.problem() };
}

it("a token in a kubeconfig that is rewritten is renewed for calls and for watches", async () => {
  const path = kubeconfigWith({ token: await api.token() });
  const watched = follow(path);
  await until("the cluster is known, and calls work", async () => (await watched.problem()) === undefined);
  await replaceAccount(watched.cluster);
  expect(await watched.problem()).toContain("answered 401");
  kubeconfigWith({ token: await api.token() });
  expect(await ask(watched.cluster)).toBeUndefined();
  expect(await watched.problem()).toBeUndefined();
});

it("a token file is read anew", async () => {
  put(join(dir, "token"), await api.token());
  const cluster = clusterBy(kubeconfigWith({ tokenFile: "token" }));
  expect(await ask(cluster)).toBeUndefined();
  await replaceAccount(cluster);
  put(join(dir, "token"), await api.token());
  expect(await ask(cluster)).toBeUndefined();
});

it("a program is executed again when its token has expired, and when it is refused", async () => {
  const program = join(dir, "program");
  const expirationTimestamp = new Date(Date.now() + 3_000).toISOString();
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: program };
  const print = (token: string, more: object = {}) => {
    const credential = { kind: "ExecCredential", status: { token, ...more } };
    put(program, `#!/bin/sh\necho x >> ${dir}/executed\necho '${JSON.stringify(credential)}'\n`, 0o700);
  };
  const executed = () => fs.readFileSync(join(dir, "executed"), "utf8").trim().split("\n").length;
  print(await api.token(), { expirationTimestamp });
  const cluster = clusterBy(kubeconfigWith({ exec }));
  expect(await ask(cluster)).toBeUndefined();
  print(await api.token());
  await until("the token has expired", () => Date.now() > Date.parse(expirationTimestamp));
  expect(await ask(cluster)).toBeUndefined();
  expect(executed()).toBe(2);
  expect(await ask(cluster)).toBeUndefined();
  expect(executed()).toBe(2);

  await replaceAccount(cluster);
  print(await api.token());
  expect(await ask(cluster)).toBeUndefined();
});

it("a client certificate is read anew when it is replaced", async () => {
  const place = (name: string) => {
    const { cert, key } = api.authority.issue({ name });
    put(join(dir, "client.pem"), fs.readFileSync(cert, "utf8") + fs.readFileSync(key, "utf8"));
  };
  place("somebody");
  const cluster = clusterBy(
    kubeconfigWith({ "client-certificate": "client.pem", "client-key": "client.pem" }),
  );
  await expect(ask(cluster)).rejects.toThrow(/answered 403.*somebody/);
  place("system:serviceaccount:kube-system:plexus");
  expect(await ask(cluster)).toBeUndefined();
});
