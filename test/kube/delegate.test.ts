// Multus's endpoint: a client that sends what Multus's own send, a daemon, an executor, real namespaces and plugins.
//
// CONTROLLER_DIR may name a directory with the executable `dynamic-networks-controller` of multus-dynamic-networks-controller: then
// that is a client, too.
import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ApiServer } from "../support/apiserver.ts";
import { serveCri } from "../support/fake-cri.ts";
import type { Conf } from "../support/lab.ts";
import type { Resident } from "../support/resident.ts";
import { NETWORKS, type Sandbox, Site } from "../support/site.ts";
import { until } from "../support/until.ts";

const CONTROLLER_DIR = process.env.CONTROLLER_DIR ?? "";
const MADE = `echo '{"cniVersion":"1.1.0","interfaces":[{"name":"'$CNI_IFNAME'","sandbox":"'$CNI_NETNS'"}]}'`;

let api: ApiServer;
let site: Site;
let resident: Resident;
let executor: ChildProcess;

const socket = () => join(site.lab.dir, "multus/multus.sock");
const daemon = () => [
  "daemon",
  ...["--node-name", "node", "--kubeconfig", api.kubeconfig("plexus"), "--heal", "1"],
  ...["--multus-socket", socket()],
];

beforeAll(async () => {
  api = await ApiServer.start();
});
afterAll(() => api?.stop());
beforeEach(async () => {
  site = await Site.open(api);
  resident = await site.lab.reside();
  fs.appendFileSync(`${resident.shim}.conf`, `sandboxes ${join(site.lab.dir, "sandboxes")}\n`);
  await resident.stop();
  await resident.start(daemon());
  executor = serve();
  await until("it is ready", async () => (await get("/readyz")).status === 200);
  for (const [index, name] of ["a", "b"].entries()) await site.nad(name, conf(name, index + 1));
});
afterEach(() => site.close());

const serve = () => site.lab.daemon("node", resident.shim, "--serve");
const conf = (name: string, subnet: number) =>
  site.lab.bridge(name, subnet, { capabilities: { ips: true, mac: true } });

interface Answer {
  status: number;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it
  json: any;
}

function send(method: string, path: string, body = ""): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: socket(), method, path, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () => {
        const isJson = text.startsWith("{");
        resolve({ status: response.statusCode ?? 0, text, json: isJson ? JSON.parse(text) : undefined });
      });
      response.on("error", reject);
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

const get = (path: string) => send("GET", path).catch((): Answer => ({ status: 0, text: "", json: {} }));

/** What a client of Multus's sends, in Go's JSON. */
function body(
  verb: string,
  pod: Sandbox,
  ifname: string,
  network: Conf,
  attributes?: object,
  env = {},
): string {
  const { container, namespace, name, uid } = pod;
  return JSON.stringify({
    env: {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: container.id,
      CNI_NETNS: container.netns,
      CNI_IFNAME: ifname,
      CNI_ARGS: `K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name};K8S_POD_UID=${uid}`,
      ...env,
    },
    config: Buffer.from(JSON.stringify(network)).toString("base64"),
    ...(attributes === undefined ? {} : { interfaceAttributes: attributes }),
  });
}

const delegate = (...given: Parameters<typeof body>) => send("POST", "/delegate", body(...given));

async function attached(networks?: string | object[]): Promise<Sandbox> {
  const pod = await site.pod(networks);
  expect(await site.run("ADD", pod)).toMatchObject({ exitCode: 0 });
  return pod;
}

async function deleted(pod: Sandbox): Promise<void> {
  expect(await site.run("DEL", pod)).toMatchObject({ exitCode: 0, stdout: "" });
  expect(await site.lab.leftovers()).toEqual([]);
}

async function edit({ name, namespace }: Sandbox, networks: object[]): Promise<void> {
  const metadata = { name, namespace, annotations: { [NETWORKS]: JSON.stringify(networks) } };
  await api.admin.patch({ apiVersion: "v1", kind: "Pod", metadata } as never);
}

const interfaces = async (pod: Sandbox) => (await site.lab.interfaces(pod.container)).sort();

describe("a client", () => {
  it("attaches a network with an address and a MAC, checks it, and detaches it", async () => {
    const pod = await attached();
    const asked = { ips: ["10.222.1.77/24"], mac: "02:00:00:00:00:77", "cni-args": null };
    const added = await delegate("ADD", pod, "extra", conf("a", 1), asked);
    expect(added, added.text).toMatchObject({ status: 200 });
    expect(Object.keys(added.json)).toEqual(["Result"]);
    expect(added.json.Result).toMatchObject({ cniVersion: "1.0.0", ips: [{ address: "10.222.1.77/24" }] });
    expect(added.json.Result.interfaces).toContainEqual(
      expect.objectContaining({ name: "extra", mac: "02:00:00:00:00:77", sandbox: pod.container.netns }),
    );
    expect(await interfaces(pod)).toEqual(["eth0", "extra"]);
    expect(await site.lab.addresses(pod.container, "extra")).toContain("10.222.1.77/24");
    expect((await site.events(pod, 2)).at(-1)).toMatch(/^Normal AddedInterface Add extra .*10\.222\.1\.77/);

    expect((await site.status(pod)).map((one) => one.interface)).toEqual(["eth0", "extra"]);

    expect(await delegate("CHECK", pod, "extra", conf("a", 1))).toMatchObject({ status: 200, text: "" });
    expect(await delegate("STATUS", pod, "extra", conf("a", 1))).toMatchObject({ status: 200, text: "" });
    expect(await delegate("DEL", pod, "extra", conf("a", 1))).toMatchObject({ status: 200, text: "" });
    expect(await interfaces(pod)).toEqual(["eth0"]);
    expect(site.lab.reserved()).toHaveLength(1);
    const checked = await delegate("CHECK", pod, "extra", conf("a", 1));
    expect(checked).toMatchObject({ status: 400, json: { code: 3 } });
    expect(await delegate("DEL", pod, "extra", conf("a", 1))).toMatchObject({ status: 200, text: "" });
    await deleted(pod);
  });

  it("need not detach: the sandbox's DEL does", async () => {
    const pod = await attached("a@one");
    expect(await delegate("ADD", pod, "two", conf("b", 2))).toMatchObject({ status: 200 });
    expect(await interfaces(pod)).toEqual(["eth0", "one", "two"]);
    await deleted(pod);
  });

  it("gets the same answer if it asks twice; another network, or another address, under that name is refused", async () => {
    const pod = await attached();
    const first = await delegate("ADD", pod, "x", conf("a", 1));
    const again = await delegate("ADD", pod, "x", conf("a", 1));
    expect(again).toMatchObject({ status: 200, json: first.json });
    const others = [
      await delegate("ADD", pod, "x", conf("b", 2)),
      await delegate("DEL", pod, "x", conf("b", 2)),
    ];
    others.push(await delegate("ADD", pod, "x", conf("a", 1), { ips: ["10.222.1.99/24"] }));
    for (const other of others) expect(other).toMatchObject({ status: 400, json: { code: 7 } });
    expect(await interfaces(pod)).toEqual(["eth0", "x"]);
    await deleted(pod);
  });

  it("is told the plugin's own error, and nothing is left of the attempt", async () => {
    site.lab.fake("fake-no", { ADD: `echo '{"code":123,"msg":"the cable is out"}'; exit 1` });
    const pod = await attached();
    const network = { cniVersion: "1.1.0", name: "no", type: "fake-no" };
    const added = await delegate("ADD", pod, "x", network);
    expect(added).toMatchObject({ status: 400, json: { code: 123 } });
    expect(added.json.msg).toContain("the cable is out");
    expect(await interfaces(pod)).toEqual(["eth0"]);
    expect(site.lab.calls("fake-no").map(({ verb }) => verb)).toEqual(["ADD", "DEL"]);
    await deleted(pod);
  });

  it("asks for STATUS of a plugin", async () => {
    site.lab.fake("fake-busy", { STATUS: `echo '{"code":51,"msg":"no address is free"}'; exit 1` });
    const pod = await attached();
    const busy = await delegate("STATUS", pod, "", { cniVersion: "1.1.0", name: "n", type: "fake-busy" });
    expect(busy).toMatchObject({ status: 400, json: { code: 51 } });
    const missing = await delegate("STATUS", pod, "", { cniVersion: "1.1.0", name: "n", type: "no-such" });
    expect(missing).toMatchObject({ status: 400, json: { code: 50 } });
    await deleted(pod);
  });

  it("that sends many at once has all of them carried out", async () => {
    const pod = await attached();
    const names = Array.from({ length: 8 }, (_, index) => `many${index}`);
    const answers = await Promise.all(names.map((name) => delegate("ADD", pod, name, conf("a", 1))));
    expect(answers.map(({ status }) => status)).toEqual(names.map(() => 200));
    expect(await interfaces(pod)).toEqual(["eth0", ...names]);
    await deleted(pod);
  });
});

describe("beside the hot-plug loop, which sees the same annotation,", () => {
  const element = () => ({ name: "a", interface: "x", ips: ["10.222.1.50/24"] });

  it("what the client has attached stays when its edit is seen, and an edit takes it away", async () => {
    const pod = await attached();
    const added = await delegate("ADD", pod, "x", conf("a", 1), { ips: ["10.222.1.50/24"] });
    expect(added, added.text).toMatchObject({ status: 200 });
    await edit(pod, [element(), { name: "b", interface: "y" }]);
    const expected = ["podnet@eth0", `${site.namespace}/a@x`, `${site.namespace}/b@y`];
    await until("the loop has attached y, and knows x", async (tell) => {
      const status = (await site.status(pod)).map(({ name, interface: ifname }) => `${name}@${ifname}`);
      tell(`network-status has ${status}`);
      return status.join() === expected.join();
    });
    expect((await site.events(pod, 3)).join("\n")).not.toContain("RemovedInterface");
    await edit(pod, []);
    await until("both are gone", async () => (await interfaces(pod)).join() === "eth0");
    await deleted(pod);
  });

  it("a client that comes second is answered with what there is", async () => {
    const pod = await attached();
    await edit(pod, [element()]);
    const added = await delegate("ADD", pod, "x", conf("a", 1), { ips: ["10.222.1.50/24"] });
    expect(added, added.text).toMatchObject({ status: 200 });
    await until("network-status has it", async () => (await site.status(pod)).length === 2);
    await edit(pod, []);
    expect(await delegate("DEL", pod, "x", conf("a", 1))).toMatchObject({ status: 200 });
    await until("it is gone", async () => (await interfaces(pod)).join() === "eth0");
    await deleted(pod);
  });

  it("what no annotation names is left to the client", async () => {
    const pod = await attached("b@y");
    expect(await delegate("ADD", pod, "x", conf("a", 1))).toMatchObject({ status: 200 });
    await edit(pod, []);
    await until("y is gone", async () => !(await interfaces(pod)).includes("y"));
    expect(await interfaces(pod)).toEqual(["eth0", "x"]);
    await deleted(pod);
  });
});

describe("what is not done", () => {
  it("without an executor: the request says so, and the socket that it is not ready", async () => {
    const pod = await attached();
    const ended = new Promise((resolve) => executor.once("close", resolve));
    executor.kill("SIGTERM");
    await ended;
    await until("the daemon has noticed", async () => (await get("/readyz")).status === 500);
    expect(await get("/healthz")).toMatchObject({ status: 200 });
    const added = await delegate("ADD", pod, "x", conf("a", 1));
    expect(added).toMatchObject({ status: 503, json: { code: 11 } });
    expect(added.json.msg).toContain("there is no executor on this node; see that plexus-shim --serve runs");
    executor = serve();
    await until("it is ready", async () => (await get("/readyz")).status === 200);
    expect(await delegate("ADD", pod, "x", conf("a", 1))).toMatchObject({ status: 200 });
    await deleted(pod);
  });

  it("for a container, a pod or a network namespace that is not the one that is noted", async () => {
    const [pod, other] = [await attached(), await attached()];
    const given: [object, number, string][] = [
      [{ CNI_CONTAINERID: "none" }, 3, "the shim has not noted it"],
      [{ CNI_CONTAINERID: "../../etc" }, 3, "the shim has not noted it"],
      [{ CNI_CONTAINERID: "" }, 4, "CNI_CONTAINERID"],
      [{ CNI_CONTAINERID: other.container.id }, 4, "the container is one of pod"],
      [{ CNI_NETNS: other.container.netns }, 4, "CNI_NETNS"],
      [{ CNI_NETNS: "/proc/1/ns/net" }, 4, "CNI_NETNS"],
      [{ CNI_ARGS: "" }, 4, "CNI_ARGS"],
      [{ CNI_COMMAND: "GC" }, 4, "CNI_COMMAND"],
      [{ CNI_COMMAND: "constructor" }, 4, "CNI_COMMAND"],
      [{ CNI_IFNAME: "eth0" }, 4, "CNI_IFNAME"],
      [{ CNI_IFNAME: "" }, 4, "CNI_IFNAME"],
      [{ CNI_IFNAME: "../x" }, 7, "CNI_IFNAME"],
    ];
    for (const [env, code, words] of given) {
      const answer = await delegate("ADD", pod, "x", conf("a", 1), undefined, env);
      expect(answer, JSON.stringify(env) + answer.text).toMatchObject({ status: 400, json: { code } });
      expect(answer.json.msg, JSON.stringify(env)).toContain(words);
    }
    expect(await interfaces(pod)).toEqual(["eth0"]);
    for (const one of [pod, other]) expect(await site.run("DEL", one)).toMatchObject({ exitCode: 0 });
    expect(await site.lab.leftovers()).toEqual([]);
  });

  it("for a conf that leads back, names a path or is none, or for addresses that are none", async () => {
    const pod = await attached();
    const network = (type: string) => ({ cniVersion: "1.0.0", name: "n", type });
    const confs: [Conf, object | undefined, number][] = [
      [network("plexus"), undefined, 7],
      [network("multus"), undefined, 7],
      [network("../plexus"), undefined, 7],
      [network("/bin/sh"), undefined, 7],
      [network(""), undefined, 7],
      [{ ...network("bridge"), name: "../n" }, undefined, 7],
      [{ cniVersion: "9.0.0", name: "n", type: "bridge" }, undefined, 1],
      [{ cniVersion: "1.0.0", name: "n", plugins: [] }, undefined, 7],
      [conf("a", 1), { ips: "10.0.0.1" }, 7],
      [conf("a", 1), { ips: ["none"] }, 7],
      [conf("a", 1), { mac: "none" }, 7],
      [conf("a", 1), [] as unknown as object, 6],
    ];
    for (const [one, attributes, code] of confs) {
      const answer = await delegate("ADD", pod, "x", one, attributes);
      const what = JSON.stringify([one, attributes]) + answer.text;
      expect(answer, what).toMatchObject({ status: 400, json: { code } });
    }
    expect(await interfaces(pod)).toEqual(["eth0"]);
    await deleted(pod);
  });

  it("for a body that is no request, or too long, or never ends", async () => {
    for (const text of ["", "{", "[]", "null", '{"env":{"CNI_COMMAND":1}}', '{"env":{"CNI_COMMAND":"ADD"}}'])
      expect(await send("POST", "/delegate", text), text).toMatchObject({ status: 400 });
    for (const config of ["not base64", "e30", "e30=e30=", "/w==", 7, null]) {
      const text = JSON.stringify({ env: { CNI_COMMAND: "ADD" }, config });
      expect(await send("POST", "/delegate", text), text).toMatchObject({ status: 400, json: { code: 6 } });
    }
    const long = await send("POST", "/delegate", "x".repeat(3 << 20)).catch(() => ({ status: 413 }));
    expect(long.status).toBe(413);
    expect(await send("GET", "/delegate")).toMatchObject({ status: 405 });
    expect(await send("POST", "/cni", "{}")).toMatchObject({ status: 404 });
    const slow = connect(socket());
    slow.write("POST /delegate HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    await new Promise((resolve) => slow.once("close", resolve));
    const many = Array.from({ length: 40 }, () => connect(socket()));
    for (const one of many) one.on("error", () => undefined);
    await until("most are closed", () => many.filter((one) => one.closed).length >= 20);
    for (const one of many) one.destroy();
    await until("it answers", async () => (await get("/healthz")).status === 200);
  });

  it("by others than root: socket and directory are root's alone", async () => {
    const mode = (path: string) => fs.statSync(path).mode & 0o777;
    expect([mode(socket()), mode(join(site.lab.dir, "multus"))]).toEqual([0o600, 0o700]);
    await resident.stop();
    fs.chmodSync(join(site.lab.dir, "multus"), 0o777);
    await resident.start(daemon());
    await until("it says so", () =>
      resident.said().includes("nobody else may write to it; chmod it to 0700"),
    );
    expect(await get("/healthz")).toMatchObject({ status: 0 });
    fs.chmodSync(join(site.lab.dir, "multus"), 0o700);
    await until("it is served then", async () => (await get("/healthz")).status === 200);
  });
});

describe("whatever dies", () => {
  it("the daemon is killed while a plugin's ADD runs: the client's next ADD begins anew, and the DEL leaves nothing", async () => {
    const wait = "touch $dir/at; while [ -e $dir/hold ]; do sleep 0.02; done";
    site.lab.fake("fake-slow", { ADD: `${wait}; ${MADE}` });
    const network = { cniVersion: "1.1.0", name: "slow", type: "fake-slow" };
    fs.writeFileSync(join(site.lab.dir, "hold"), "");
    const pod = await attached();
    const broken = delegate("ADD", pod, "x", network).catch((error: unknown) => error);
    await until("the plugin is at work", () => fs.existsSync(join(site.lab.dir, "at")));
    await resident.stop();
    expect(await broken).toBeInstanceOf(Error);
    fs.rmSync(join(site.lab.dir, "hold"));
    await resident.start(daemon());
    await until("it is ready", async () => (await get("/readyz")).status === 200);
    const added = await delegate("ADD", pod, "x", network);
    expect(added, added.text).toMatchObject({ status: 200 });
    expect(site.lab.calls("fake-slow").map(({ verb }) => verb)).toEqual(["ADD", "DEL", "ADD"]);
    await deleted(pod);
  });

  it("a DEL of the sandbox does not wait for a plugin of a client's", async () => {
    site.lab.fake("fake-hangs", { ADD: "touch $dir/hangs; exec sleep 1000" });
    const pod = await attached();
    const waiting = delegate("ADD", pod, "x", { cniVersion: "1.1.0", name: "hangs", type: "fake-hangs" });
    await until("the plugin hangs", () => fs.existsSync(join(site.lab.dir, "hangs")));
    await deleted(pod);
    expect(await waiting).toMatchObject({ status: 503, json: { code: 11 } });
  });
});

/** What its own manifest gives it. Source: multus-dynamic-networks-controller, manifests/dynamic-networks-controller.yaml. */
const CONTROLLER_RIGHTS = `
apiVersion: v1
kind: ServiceAccount
metadata: { name: controller, namespace: kube-system }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: controller }
rules:
  - { apiGroups: [k8s.cni.cncf.io], resources: [network-attachment-definitions], verbs: [get, list, watch] }
  - { apiGroups: [""], resources: [pods, pods/status], verbs: [get, list, watch, update] }
  - { apiGroups: ["", events.k8s.io], resources: [events], verbs: [create, patch, update] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: controller }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: controller }
subjects: [{ kind: ServiceAccount, name: controller, namespace: kube-system }]
`;

/** Starts it as in its pod: with a token in /run/secrets of its own mount namespace. Returns what it has said. */
async function startController(pod: Sandbox): Promise<{ said(): string; stop(): Promise<void> }> {
  await api.apply(CONTROLLER_RIGHTS);
  const { status } = await api.core.createNamespacedServiceAccountToken({
    ...{ name: "controller", namespace: "kube-system" },
    body: { spec: { audiences: [], expirationSeconds: 3600 } },
  });
  const [cri, config, log] = ["cri.sock", "controller.json", "controller.log"].map((one) =>
    join(site.lab.dir, one),
  );
  const close = await serveCri(cri ?? "", [pod]);
  fs.writeFileSync(config ?? "", JSON.stringify({ criSocketPath: cri, multusSocketPath: socket() }));
  const [, ca = ""] =
    /certificate-authority-data: (\S+)/.exec(fs.readFileSync(api.kubeconfig("admin"), "utf8")) ?? [];
  const dir = "/run/secrets/kubernetes.io/serviceaccount";
  const script = [
    `mount -t tmpfs none /run && mkdir -p ${dir}`,
    `printf %s "$TOKEN" > ${dir}/token`,
    `printf %s "$CA" | base64 -d > ${dir}/ca.crt`,
    `exec ${join(CONTROLLER_DIR, "dynamic-networks-controller")} -config=${config} -v=5`,
  ];
  const out = fs.openSync(log ?? "", "a");
  const { hostname, port } = new URL(api.url);
  const child = spawn(
    "setpriv",
    ["--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", script.join(" && ")],
    {
      stdio: ["ignore", out, out],
      env: {
        PATH: process.env.PATH,
        ...{ TOKEN: status?.token, CA: ca, NODE_NAME: "node" },
        ...{ KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port },
      },
    },
  );
  fs.closeSync(out);
  const stop = async () => {
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGKILL");
    await ended;
    close();
  };
  return { said: () => fs.readFileSync(log ?? "", "utf8"), stop };
}

if (CONTROLLER_DIR !== "") {
  describe("multus-dynamic-networks-controller", () => {
    it("does on Plexus what it does on Multus, beside the hot-plug loop", async () => {
      const [a, b] = [
        { name: "a", interface: "x" },
        { name: "b", interface: "y", ips: ["10.222.2.60/24"], mac: "02:00:00:00:00:60" },
      ];
      const pod = await attached([a]);
      const { name, namespace } = pod;
      const whole = await api.core.readNamespacedPod({ name, namespace });
      whole.status = { ...whole.status, phase: "Running" };
      await api.core.replaceNamespacedPodStatus({ name, namespace, body: whole });
      const controller = await startController(pod);
      try {
        await until("it follows", async (tell) => {
          tell(controller.said());
          return controller.said().includes(`extracted update request for pod [${namespace}/${name}]`);
        });
        const becomes = async (ifnames: string[], words: string) => {
          await until(`the pod has ${ifnames}, and the controller says so`, async (tell) => {
            tell(`${controller.said()}\n${resident.said()}`);
            const status = (await site.status(pod)).map((one) => one.interface).sort();
            const same = [status, await interfaces(pod)].every((some) => some.join() === ifnames.join());
            return same && controller.said().includes(words);
          });
        };
        await edit(pod, [a, b]);
        await becomes(["eth0", "x", "y"], "added interface");
        expect(await site.lab.addresses(pod.container, "y")).toEqual(["10.222.2.60/24"]);
        await edit(pod, [a]);
        await becomes(["eth0", "x"], "removed interface");
        expect(controller.said()).not.toMatch(/unexpected CNI response|error (adding|removing) attachments/);
        await deleted(pod);
      } finally {
        await controller.stop();
      }
    });
  });
}
