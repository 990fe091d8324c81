// `plexus install` in a DaemonSet's pod, with a real API server: the token of the node, the roll, the deletion.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { KubernetesObject } from "@kubernetes/client-node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { ApiServer } from "../support/apiserver.ts";
import { binary } from "../support/binary.ts";
import type { Daemon } from "../support/daemon.ts";
import { FakePod } from "../support/fake-pod.ts";
import { kustomized, type Manifest } from "../support/kustomize.ts";
import { until } from "../support/until.ts";

const SYSTEM = "kube-system";
const CONF = "etc/cni/net.d/00-plexus.conflist";
const KUBECONFIG = "etc/cni/net.d/plexus.d/plexus.kubeconfig";

const deploy = (name: string) => fileURLToPath(new URL(`../../deploy/${name}`, import.meta.url));

let api: ApiServer;
let root: string;
let pods: FakePod[];
let running: Daemon[];
let count = 0;
beforeAll(async () => {
  api = await ApiServer.start();
  await api.core.createNode({ body: { metadata: { name: "node" } } }); // newer servers bind the token to it
});
afterAll(() => api?.stop());
beforeEach(async () => {
  [pods, running] = [[], []];
  root = fs.mkdtempSync(join(api.dir, "node-"));
  fs.mkdirSync(join(root, "etc/cni/net.d"), { recursive: true });
  fs.writeFileSync(
    join(root, "etc/cni/net.d/10-net.conf"),
    '{"cniVersion":"1.0.0","name":"n","type":"bridge"}',
  );
  await api.admin.create(daemonSet() as KubernetesObject);
});
afterEach(async () => {
  for (const daemon of running) await daemon.stop("SIGKILL");
  for (const pod of pods) await pod.delete().catch(() => undefined);
  await api.admin.delete(daemonSet() as KubernetesObject).catch(() => undefined);
  await until("the DaemonSet is gone", async () => (await find(daemonSet())) === undefined);
});

function daemonSet(): Manifest {
  const found = kustomized(deploy("thin")).find(({ kind }) => kind === "DaemonSet");
  if (!found) throw new Error("deploy/thin has no DaemonSet");
  return found;
}

const find = (object: object) => api.admin.read(object as never).catch(() => undefined);

/** The installer of deploy/thin, as a new pod of its DaemonSet starts it. */
async function start(nodeName = "node"): Promise<Daemon> {
  const pod = await FakePod.create(api, `install-${++count}`, "plexus-install");
  pods.push(pod);
  const [{ args }] = daemonSet().spec.template.spec.containers;
  const own = args.map((arg: string) => arg.replace("--root=/host", `--root=${root}`));
  const daemon = pod.start([binary, ...own], nodeName === "" ? {} : { NODE_NAME: nodeName });
  running.push(daemon);
  await daemon.until("it has installed", () => said(daemon).includes("next: "));
  return daemon;
}

const said = (daemon: Daemon) => fs.readFileSync(daemon.log, "utf8");
const at = (path: string) => join(root, path);
const token = () => JSON.parse(fs.readFileSync(at(KUBECONFIG), "utf8")).users[0].user.token as string;
const claims = (text: string) => JSON.parse(Buffer.from(text.split(".")[1] ?? "", "base64url").toString());

/** The status of a request with that token. */
function ask(bearer: string, path = "/api/v1/namespaces/default/pods/none"): number {
  const { stdout } = spawnSync(
    "curl",
    [
      "-sk",
      "-o",
      "/dev/null",
      "-w",
      "%{http_code}",
      "-H",
      `Authorization: Bearer ${bearer}`,
      `${api.url}${path}`,
    ],
    { encoding: "utf8" },
  );
  return Number(stdout);
}

it("the node's token outlives the pod, has the rights of Plexus, and is not more than that", async () => {
  const daemon = await start();
  const own = token();
  const [pod] = pods;
  expect(claims(own)).toMatchObject({ sub: "system:serviceaccount:kube-system:plexus" });
  expect(claims(own).exp - claims(own).iat).toBe(7 * 86_400);
  expect(fs.statSync(at(KUBECONFIG)).mode & 0o777).toBe(0o600);
  await daemon.stop();
  await pod?.delete();
  await until("the pod's own token has ended", () => ask(pod?.token ?? "") === 401);
  expect(ask(own)).toBe(404);
  expect(ask(own, "/api/v1/namespaces/kube-system/secrets")).toBe(403);
  expect(ask(own, "/apis/apps/v1/namespaces/kube-system/daemonsets/plexus")).toBe(403);
  expect(said(daemon)).not.toMatch(/no right|does not know/);
});

it("a roll leaves conf and token as they are, and the next pod goes on with them", async () => {
  const first = await start();
  const [conf, own] = [fs.readFileSync(at(CONF), "utf8"), token()];
  await first.stop();
  expect([fs.readFileSync(at(CONF), "utf8"), token()]).toEqual([conf, own]);
  const second = await start();
  expect(token()).toBe(own);
  expect(said(second)).toMatch(/kept .*kubeconfig: the token of kube-system\/plexus is good/);
});

it("when the DaemonSet is deleted with its rights, the node is left with the default network's conf", async () => {
  const daemon = await start();
  const rights = kustomized(deploy("thin"));
  for (const object of rights) await api.admin.delete(object as KubernetesObject);
  await until("they are gone", async () => {
    for (const object of rights) if (await find(object)) return false;
    return true;
  });
  await daemon.stop();
  expect(fs.readdirSync(at("etc/cni/net.d")).sort()).toEqual(["10-net.conf", "plexus.d"]);
  expect(fs.readdirSync(at("etc/cni/net.d/plexus.d"))).toEqual([]);
  expect(fs.readdirSync(at("opt/cni/bin")).sort()).toEqual(["plexus", "plexus-shim", "plexus-shim.conf"]);
  const crd = kustomized(deploy("crd"))[0];
  expect(await find(crd as object)).toBeDefined();
  for (const object of rights) await api.admin.create(object as KubernetesObject);
});

it("an account that was deleted and made anew gets a new token", async () => {
  await (await start()).stop();
  const before = token();
  const account = {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "plexus", namespace: SYSTEM },
  };
  await api.admin.delete(account);
  await api.admin.create(account);
  await until("the old token has ended", () => ask(before) === 401);
  await start();
  expect(token()).not.toBe(before);
  expect(ask(token())).toBe(404);
});

it("an API server that is away at the roll changes nothing on the node", async () => {
  const daemon = await start();
  const conf = fs.readFileSync(at(CONF), "utf8");
  await api.down();
  try {
    await daemon.stop("SIGTERM", 30);
    expect(fs.readFileSync(at(CONF), "utf8")).toBe(conf);
    expect(fs.existsSync(at(KUBECONFIG))).toBe(true);
  } finally {
    await api.up();
  }
});

it("says which right is missing and what that means, and that the node's name is", async () => {
  const role = kustomized(deploy("thin")).find(({ kind }) => kind === "ClusterRole") as Manifest;
  const rules = role.rules.filter(
    ({ resources }: { resources: string[] }) => !resources.includes("pods/status"),
  );
  await api.admin.replace({ ...((await find(role)) as object), rules } as KubernetesObject);
  try {
    const daemon = await start("");
    expect(said(daemon)).toContain(
      "no right to patch pods/status: pods fail, as their network-status cannot be written",
    );
    expect(said(daemon)).toContain("without the node's name");
  } finally {
    await api.admin.replace({ ...((await find(role)) as object), rules: role.rules } as KubernetesObject);
  }
});

it("a kubeconfig by hand is looked at too: one that the server does not know", () => {
  const path = api.kubeconfig("plexus", { token: "nobody" });
  const { status, stdout } = spawnSync(binary, ["install", "--root", root, "--kubeconfig", "/etc/k"], {
    env: {},
    encoding: "utf8",
  });
  expect([status, stdout]).toEqual([1, expect.stringContaining("there is no kubeconfig")]);
  fs.copyFileSync(path, at("etc/k"));
  const again = spawnSync(binary, ["install", "--root", root, "--kubeconfig", "/etc/k"], {
    env: {},
    encoding: "utf8",
  });
  expect(again.stdout).toContain("the API server does not know who");
});
