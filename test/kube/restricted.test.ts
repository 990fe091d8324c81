// deploy/restricted: what a node's credentials can write, and what not. Only with servers that bind tokens to nodes.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { KubernetesObject } from "@kubernetes/client-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ApiServer } from "../support/apiserver.ts";
import { binary } from "../support/binary.ts";
import { FakePod } from "../support/fake-pod.ts";
import { kustomized, type Manifest } from "../support/kustomize.ts";
import { until } from "../support/until.ts";

const SYSTEM = "kube-system";
const STATUS = "k8s.v1.cni.cncf.io/network-status";
const deploy = (name: string) => kustomized(fileURLToPath(new URL(`../../deploy/${name}`, import.meta.url)));

let api: ApiServer;
let installer: FakePod;
/** Of the node `node`: what `plexus install` has written for it. */
let token: string;
beforeAll(async () => {
  api = await ApiServer.start();
  for (const name of ["node", "other"]) await api.core.createNode({ body: { metadata: { name } } });
  await api.admin.create(deploy("thin").find(({ kind }) => kind === "DaemonSet") as KubernetesObject);
  for (const [name, nodeName] of Object.entries({ own: "node", foreign: "other" })) {
    const metadata = { name, labels: { app: "a" }, annotations: { mine: "1" } };
    const spec = { nodeName, containers: [{ name: "c", image: "none" }] };
    await api.core.createNamespacedPod({ namespace: "default", body: { metadata, spec } });
  }
  installer = await FakePod.create(api, "install", "plexus-install");
});
afterAll(() => api?.stop());

/** A request with a token: its status, and the server's words. */
function ask(bearer: string, method: string, path: string, body: object): [status: number, message: string] {
  const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  const headers = ["-H", `Authorization: Bearer ${bearer}`, "-H", `Content-Type: ${type}`];
  const more = ["-w", "\n%{http_code}", "-d", JSON.stringify(body)];
  const { stdout } = spawnSync("curl", ["-sk", "-X", method, ...headers, ...more, `${api.url}${path}`], {
    encoding: "utf8",
  });
  const [answer = "", status] = stdout.split(/\n(?=\d+$)/);
  return [Number(status), JSON.parse(answer).message ?? ""];
}

const patch = (bearer: string, pod: string, body: object) =>
  ask(bearer, "PATCH", `/api/v1/namespaces/default/pods/${pod}/status`, body);
const annotated = (annotations: object) => ({ metadata: { annotations } });
const written = annotated({ [STATUS]: "[]" });

/** A token of an account of kube-system, as the administrator has it. */
async function tokenOf(name: string, boundObjectRef?: object): Promise<string> {
  const body = { spec: { audiences: [], ...(boundObjectRef ? { boundObjectRef } : {}) } };
  const { status } = await api.core.createNamespacedServiceAccountToken({ namespace: SYSTEM, name, body });
  return `${status?.token}`;
}

const tokenRequest = (bearer: string, spec: object) =>
  ask(bearer, "POST", `/api/v1/namespaces/${SYSTEM}/serviceaccounts/plexus/token`, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec,
  });
const boundTo = (name: string) => ({ boundObjectRef: { apiVersion: "v1", kind: "Node", name } });

it("without it a node's credentials write to the status, labels and annotations of any pod", async () => {
  const unbound = await tokenOf("plexus");
  expect(
    patch(unbound, "foreign", { metadata: { labels: { app: "b" } }, status: { phase: "Running" } }),
  ).toEqual([200, ""]);
  expect(patch(unbound, "foreign", { metadata: { labels: { app: "a" } } })).toEqual([200, ""]);
});

it("is what an API server takes", async () => {
  for (const object of deploy("restricted")) await api.admin.create(object as KubernetesObject);
  const unbound = await tokenOf("plexus");
  await until("the policies are in force", () => patch(unbound, "own", written)[0] === 403);
  await until("that of tokens too", () => tokenRequest(installer.token, {})[0] === 403);
});

it("a node's token, as plexus install requests it, writes network-status of its own node's pods", async () => {
  const root = fs.mkdtempSync(join(api.dir, "node-"));
  fs.mkdirSync(join(root, "etc/cni/net.d"), { recursive: true });
  fs.writeFileSync(
    join(root, "etc/cni/net.d/10-net.conf"),
    '{"cniVersion":"1.0.0","name":"n","type":"bridge"}',
  );
  const command = [binary, "install", `--root=${root}`, "--service-account=plexus", "--daemonset=plexus"];
  const daemon = installer.start(command, { NODE_NAME: "node" });
  const said = () => fs.readFileSync(daemon.log, "utf8");
  await until("it has installed", () => said().includes("next: "));
  expect(said()).toContain("or until node node is deleted");
  const path = join(root, "etc/cni/net.d/plexus.d/plexus.kubeconfig");
  ({ token } = JSON.parse(fs.readFileSync(path, "utf8")).users[0].user);
  expect(patch(token, "own", written)).toEqual([200, ""]);
});

it("and to no pod of another node", () => {
  expect(patch(token, "foreign", written)).toEqual([403, expect.stringContaining("token is of node node")]);
});

it.each([
  ["another annotation", annotated({ mine: "2" })],
  ["a new annotation", annotated({ "prometheus.io/scrape": "" })],
  ["an annotation taken away", annotated({ mine: null })],
  ["a label", { metadata: { labels: { app: "service" } } }],
  ["a finalizer", { metadata: { finalizers: ["example.com/never"] } }],
  ["its status", { status: { podIP: "10.9.9.9" } }],
])("of its own pods it changes nothing else: %s", (_what, body) => {
  expect(patch(token, "own", body)).toEqual([
    403,
    expect.stringContaining("network-status, and nothing else"),
  ]);
});

it("a token that is not bound to a node writes to no pod, and the refusal says why", async () => {
  expect(patch(await tokenOf("plexus"), "own", written)).toEqual([
    403,
    expect.stringContaining("does not say which node"),
  ]);
});

it("an installer's pod gets the token of its own node only", () => {
  expect(tokenRequest(installer.token, boundTo("node"))).toEqual([201, ""]);
  for (const spec of [{}, boundTo("other")]) {
    expect(tokenRequest(installer.token, spec)).toEqual([403, expect.stringContaining("its own node")]);
  }
});

it("the daemon's own token, which is bound to its pod, is held to the pod's node", async () => {
  const daemon = deploy("daemon").filter(({ kind }) => kind !== "DaemonSet");
  for (const object of daemon) await api.admin.create(object as KubernetesObject);
  const { token: own } = await FakePod.create(api, "daemon", "plexus-daemon");
  expect(patch(own, "own", written)).toEqual([200, ""]);
  expect(patch(own, "foreign", written)[0]).toBe(403);
});

it("other accounts are not concerned", async () => {
  expect(
    (await api.admin.patch({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "foreign", namespace: "default", annotations: { mine: "3" } },
    })) as Manifest,
  ).toMatchObject({ metadata: { annotations: { mine: "3" } } });
});
