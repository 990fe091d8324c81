// What a node has in /etc/cni/net.d, as a network of the cluster: by plexus, kubectl and a real API server.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { ensureFlannel } from "../../scripts/provide/flannel.ts";
import { ensureKubectl } from "../../scripts/provide/kubectl.ts";
import { ApiServer } from "../support/apiserver.ts";
import { binary } from "../support/binary.ts";
import type { Conf } from "../support/lab.ts";
import { Site } from "../support/site.ts";

const OK = { exitCode: 0, stdout: "", stderr: "" };

let api: ApiServer;
let site: Site;
beforeAll(async () => {
  api = await ApiServer.start();
});
afterAll(() => api?.stop());
beforeEach(async () => {
  site = await Site.open(api);
});
afterEach(() => site.close());

function must(command: string, args: string[], input = ""): string {
  const { status, stdout, stderr } = spawnSync(command, args, { input, encoding: "utf8" });
  expect([command, status, stderr]).toEqual([command, 0, expect.any(String)]);
  return stdout;
}

const kubectl = (args: string[], input?: string) =>
  must(
    ensureKubectl(),
    ["--kubeconfig", api.kubeconfig("admin"), "--namespace", site.namespace, ...args],
    input,
  );

/** A node whose directory of confs has Calico's conf first, and Flannel's. Returns that directory. */
function nodeWithBoth(): string {
  const confDir = join(site.lab.dir, "net.d");
  const subnetFile = join(site.lab.dir, "subnet.env"); // by flanneld
  const subnet = { FLANNEL_NETWORK: "10.222.0.0/16", FLANNEL_SUBNET: "10.222.7.1/24", FLANNEL_MTU: "1450" };
  const lines = Object.entries({ ...subnet, FLANNEL_IPMASQ: "false" }).map(
    ([key, value]) => `${key}=${value}\n`,
  );
  fs.writeFileSync(subnetFile, lines.join(""));
  fs.copyFileSync(ensureFlannel(), join(site.lab.binDir, "flannel"));
  const { ipam, ...bridge } = site.lab.bridge("calico", 0);
  const calicoStandIn = { ...bridge, ipam: { ...(ipam as Conf), routes: [{ dst: "0.0.0.0/0" }] } };
  const flannel = {
    type: "flannel",
    subnetFile,
    dataDir: join(site.lab.dir, "flannel"),
    ipam: { dataDir: site.lab.dataDir },
    delegate: { bridge: "cbr0", hairpinMode: true, isDefaultGateway: true },
  };
  const write = (name: string, conf: Conf) => {
    fs.mkdirSync(confDir, { recursive: true });
    fs.writeFileSync(join(confDir, name), `${JSON.stringify({ cniVersion: "0.3.1", ...conf }, null, 2)}\n`);
  };
  write("10-calico.conflist", { name: "k8s-pod-network", plugins: [calicoStandIn] });
  write("20-flannel.conflist", {
    name: "cbr0",
    plugins: [flannel, { type: "portmap", capabilities: { portMappings: true } }],
  });
  return confDir;
}

it("a pod whose default network is Calico has a Flannel network too, by three commands", async () => {
  const confDir = nodeWithBoth();
  const { lab, namespace } = site;
  const places = ["--conf-dir", confDir, "--bin-dir", join(lab.dir, "cni"), "--socket", join(lab.dir, "s")];
  const own = ["--plugin-dir", lab.binDir, "--state-dir", lab.cniDir, "--kubeconfig", site.kubeconfig];

  must(binary, ["install", "--one-shot", ...places, ...own]);
  // Flannel's own conf would take the pod's default route from Calico.
  const manifest = must("sh", [
    "-c",
    `${binary} nad ${confDir}/20-flannel.conflist --name flannel | sed 's/"isDefaultGateway": true/"isDefaultGateway": false/'`,
  ]);
  kubectl(["apply", "-f", "-"], manifest);
  const networks = ["--annotations", "k8s.v1.cni.cncf.io/networks=flannel"];
  kubectl(["run", "web", "--image", "none", ...networks]);

  const { plugins, cniVersion, name } = JSON.parse(
    fs.readFileSync(join(confDir, "00-plexus.conflist"), "utf8"),
  );
  const conf = { ...plugins[0], cniVersion, name };
  const created = await api.core.readNamespacedPod({ name: "web", namespace });
  const pod = { namespace, name: "web", uid: created.metadata?.uid ?? "", container: await lab.container() };
  const added = await site.run("ADD", pod, conf);
  expect(added, added.answer.msg).toMatchObject({ exitCode: 0 });
  expect(await site.status(pod)).toMatchObject([
    { name: "k8s-pod-network", interface: "eth0", ips: ["10.222.0.2"], default: true },
    { name: `${namespace}/flannel`, interface: "net1", ips: ["10.222.7.2"] },
  ]);
  expect(await lab.inside(pod.container, "ip", "route", "get", "192.0.2.1")).toContain("dev eth0");
  await lab.inside(pod.container, "ping", "-c1", "-W9", "10.222.7.1");
  expect(await site.run("DEL", pod, conf)).toMatchObject(OK);
  expect(await lab.leftovers()).toEqual([]);
});

it("a conf has gone through kubectl and the API server to the byte, and comes back so", () => {
  const odd =
    '{\r\n\t"name": "odd",   "type": "x",\n\n  "text": "#: > | - \u00a0\u0085\u2028\u2029\u{1f600}\'%\\u0041", "big": 9007199254740993}\n';
  const fine = JSON.stringify(
    { cniVersion: "1.0.0", type: "x", name: "fine", plain: "ä\u{1f600}: #" },
    null,
    2,
  );
  for (const [name, text] of Object.entries({
    odd,
    control: odd.replace("#", "\u007f\u0080"),
    fine,
    last: `${fine}\n`,
  })) {
    const manifest = must(binary, ["nad", "-", "--name", name], text);
    kubectl(["create", "-f", "-"], manifest);
    const json = kubectl(["get", "net-attach-def", name, "-o", "json"]);
    expect(JSON.parse(json).spec.config).toBe(text);
    expect(must(binary, ["nad", "--conf", "-"], json)).toBe(text);
    if (/[\u007f-\u009f]/.test(text)) continue; // kubectl 1.32 takes it, and does not print it in YAML, or not as it is
    const yaml = kubectl(["get", "net-attach-def", name, "-o", "yaml"]);
    expect(must(binary, ["nad", "--conf", "-"], yaml)).toBe(text);
  }
});
