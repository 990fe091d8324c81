// The networks of a pod, as a real API server and real plugins have them.
import * as fs from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ApiServer } from "../support/apiserver.ts";
import type { Conf } from "../support/lab.ts";
import { SLOWNESS } from "../support/pace.ts";
import { argsOf, DEFAULT_NETWORK, NETWORKS, type Sandbox, Site } from "../support/site.ts";
import { until } from "../support/until.ts";

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

/** A secondary network that takes addresses and MACs from the pod. */
function asking(number: number, more: Conf = {}): Conf {
  const bridge = site.lab.bridge("", number, {
    capabilities: { ips: true, mac: true },
    ipam: { type: "static" },
  });
  return { ...bridge, isGateway: false, ...more };
}

async function add(pod: Sandbox, conf?: Conf) {
  const added = await site.run("ADD", pod, conf);
  expect(added, added.answer.msg).toMatchObject({ exitCode: 0, stderr: "" });
  return added;
}

/** CHECK and DEL have to succeed, and DEL to leave nothing on the node. */
async function checkAndDelete(pod: Sandbox, conf?: Conf): Promise<void> {
  expect(await site.run("CHECK", pod, conf)).toMatchObject(OK);
  expect(await site.run("DEL", pod, conf)).toMatchObject(OK);
  expect(await site.lab.leftovers()).toEqual([]);
}

/** The default routes in a pod, without what the kernel adds by itself: `via <gateway> dev <interface>`. */
async function defaultRoutes({ container }: Sandbox, family: 4 | 6): Promise<string[]> {
  const text = await site.lab.inside(container, "ip", `-${family}`, "route", "show", "default");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => /via \S+ dev \S+/.exec(line)?.[0] ?? line)
    .sort();
}

it("a call that a resident process leaves to plexus is told to the pod's user once, by that", async () => {
  const resident = await site.lab.reside();
  // The shim may not execute what is there, so that the resident process cannot attach the pod.
  const binDir = join(site.lab.dir, "other");
  fs.cpSync(site.lab.binDir, binDir, { recursive: true, verbatimSymlinks: true });
  fs.rmSync(site.lab.binDir, { recursive: true });
  fs.mkdirSync(site.lab.binDir);
  const [left, next] = [await site.pod(), await site.pod()];
  const added = await site.run("ADD", left, site.conf({ binDir }));
  expect(added).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("executing plexus") });
  // The next one's event comes after all that the resident process has to say of this one.
  fs.cpSync(binDir, site.lab.binDir, { recursive: true, verbatimSymlinks: true });
  await add(next);
  await site.events(next);
  await resident.stop("SIGTERM");
  expect(await site.events(left)).toEqual([expect.stringMatching(/^Normal AddedInterface /)]);
  for (const pod of [left, next]) await site.run("DEL", pod, site.conf({ binDir }));
});

describe("the conf's own networks", () => {
  it("may have a name that no object of Kubernetes has: it is a conf's", async () => {
    site.lab.file("20-storage.conf", site.lab.bridge("Storage_A", 1));
    const pod = await site.pod();
    const conf = site.conf({ clusterNetwork: "Storage_A" });
    const { answer } = await add(pod, conf);
    expect(answer.ips).toMatchObject([{ address: "10.222.1.2/24" }]);
    await checkAndDelete(pod, conf);
  });
});

it("a pod whose name is that of a system namespace has a network-status all the same", async () => {
  const pod = await site.pod();
  const conf = site.conf({ systemNamespaces: [pod.name] });
  await add(pod, conf);
  expect(await site.status(pod)).toMatchObject([{ name: "podnet", interface: "eth0" }]);
  await checkAndDelete(pod, conf);
});

describe("a pod's annotation", () => {
  it("in the short format attaches it to networks of its own and of other namespaces, and says so", async () => {
    const other = `${site.namespace}-other`;
    await site.createNamespace(other);
    await site.nad("a", { ...site.lab.bridge("", 1), name: undefined });
    await site.nad("b", site.lab.bridge("b", 2), { namespace: other });
    const pod = await site.pod(`a, ${other}/b@if0`);
    const { answer } = await add(pod);

    expect(answer.ips).toMatchObject([{ address: "10.222.0.2/24" }]);
    expect((await site.lab.interfaces(pod.container)).sort()).toEqual(["eth0", "if0", "net1"]);
    expect(await site.lab.addresses(pod.container, "net1")).toEqual(["10.222.1.2/24"]);
    expect(await site.status(pod)).toMatchObject([
      { name: "podnet", interface: "eth0", ips: ["10.222.0.2"], default: true },
      { name: `${site.namespace}/a`, interface: "net1", ips: ["10.222.1.2"] },
      { name: `${other}/b`, interface: "if0", ips: ["10.222.2.2"] },
    ]);
    expect(await site.events(pod)).toEqual([
      `Normal AddedInterface Add eth0 [10.222.0.2/24] from podnet, net1 [10.222.1.2/24] from ${site.namespace}/a, ` +
        `if0 [10.222.2.2/24] from ${other}/b`,
    ]);
    await checkAndDelete(pod);
  });

  it("in the JSON format asks for addresses, a MAC and an interface name", async () => {
    await site.nad("a", asking(1));
    const mac = "c2:b0:57:49:47:f1";
    const pod = await site.pod([{ name: "a", ips: ["10.222.1.77/24"], mac, interface: "storage" }]);
    await add(pod);

    expect(await site.lab.addresses(pod.container, "storage")).toEqual(["10.222.1.77/24"]);
    expect((await site.status(pod))[1]).toMatchObject({ interface: "storage", ips: ["10.222.1.77"], mac });
    await checkAndDelete(pod);
  });

  it("reaches the plugins with bandwidth, port mappings, cni-args, device ID and InfiniBand GUID", async () => {
    site.lab.fake("fake-all");
    const capabilities = { bandwidth: true, portMappings: true, infinibandGUID: true, deviceID: true };
    await site.nad("a", { cniVersion: "1.1.0", type: "fake-all", capabilities, args: { cni: { kept: 1 } } });
    const mappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];
    const asked = {
      name: "a",
      bandwidth: { ingressRate: 1_000_000, ingressBurst: 2_000_000 },
      portMappings: mappings,
      "infiniband-guid": "c2:11:22:33:44:55:66:77",
      deviceID: "0000:01:00.1",
      "cni-args": { big: "BIG", text: "x" },
    };
    const big = "9007199254740993"; // not a number that JavaScript or a float has
    const pod = await site.pod(JSON.stringify([asked]).replace('"BIG"', big));
    await add(pod);

    expect(site.lab.calls("fake-all")[0]?.conf).toMatchObject({
      name: "a",
      args: { cni: { kept: 1, text: "x" } },
      runtimeConfig: {
        bandwidth: asked.bandwidth,
        portMappings: mappings,
        infinibandGUID: asked["infiniband-guid"],
        deviceID: asked.deviceID,
      },
    });
    expect(fs.readFileSync(join(site.lab.dir, "calls-fake-all"), "utf8")).toContain(`"big":${big}`);
    expect(await site.run("CHECK", pod)).toMatchObject({ exitCode: 0 });
    expect(await site.run("DEL", pod)).toMatchObject({ exitCode: 0 });
    const [added, ...later] = site.lab.calls("fake-all");
    expect(later.map(({ verb, conf }) => [verb, conf.runtimeConfig])).toEqual(
      ["CHECK", "DEL"].map((verb) => [verb, added?.conf.runtimeConfig]),
    );
  });

  it("may select a network whose conf is in a file, alone or as a conflist", async () => {
    site.lab.file("20-file.conflist", {
      cniVersion: "1.0.0",
      name: "in-file",
      plugins: [site.lab.bridge("", 3)],
    });
    await site.nad("in-file", undefined);
    await site.nad("chain", { cniVersion: "1.0.0", name: "chain", plugins: [site.lab.bridge("", 4)] });
    const pod = await site.pod("in-file,chain");
    await add(pod);
    expect(await site.lab.addresses(pod.container, "net1")).toEqual(["10.222.3.2/24"]);
    expect(await site.lab.addresses(pod.container, "net2")).toEqual(["10.222.4.2/24"]);
    await checkAndDelete(pod);
  });

  it("may replace the cluster's default network", async () => {
    const name = `own-${site.namespace}`;
    await site.nad(name, site.lab.bridge("own", 5), { namespace: "kube-system" });
    const pod = await site.pod(undefined, { annotations: { [DEFAULT_NETWORK]: name } });
    const { answer } = await add(pod);
    expect(answer.ips).toMatchObject([{ address: "10.222.5.2/24" }]);
    expect(await site.status(pod)).toMatchObject([
      { name: `kube-system/${name}`, interface: "eth0", default: true },
    ]);
    await checkAndDelete(pod);
  });
});

describe("the conf", () => {
  it("names cluster and default networks by NetworkAttachmentDefinition; pods of the system get no default ones", async () => {
    const [cluster, extra] = [`cluster-${site.namespace}`, `extra-${site.namespace}`];
    await site.nad(cluster, site.lab.bridge("", 6), { namespace: "kube-system" });
    await site.nad(extra, site.lab.bridge("", 7), { namespace: "kube-system" });
    const conf = site.conf({ clusterNetwork: cluster, defaultNetworks: [extra] });
    const pod = await site.pod();
    await add(pod, conf);
    expect(await site.status(pod)).toMatchObject([
      { name: `kube-system/${cluster}`, ips: ["10.222.6.2"], default: true },
      { name: `kube-system/${extra}`, ips: ["10.222.7.2"] },
    ]);
    await checkAndDelete(pod, conf);

    const system = await site.pod(undefined, { namespace: "kube-system" });
    await add(system, conf);
    expect(await site.lab.interfaces(system.container)).toEqual(["eth0"]);
    await checkAndDelete(system, conf);
  });

  it("keeps pods to networks of their own namespace, but for the global ones", async () => {
    const [global, foreign] = [`${site.namespace}-global`, `${site.namespace}-foreign`];
    for (const namespace of [global, foreign]) {
      await site.createNamespace(namespace);
      await site.nad("n", site.lab.bridge("n", 1), { namespace });
    }
    const conf = site.conf({ namespaceIsolation: true, globalNamespaces: global });
    const allowed = await site.pod(`${global}/n`);
    await add(allowed, conf);
    await checkAndDelete(allowed, conf);

    const refused = await site.pod(`${foreign}/n`);
    const { exitCode, answer } = await site.run("ADD", refused, conf);
    expect([exitCode, answer.code]).toEqual([1, 7]);
    expect(answer.msg).toContain(`${foreign}/n`);
    expect(answer.msg).toContain("namespaceIsolation");
    expect(await site.events(refused)).toEqual([expect.stringContaining("namespaceIsolation")]);
    expect(await site.run("DEL", refused, conf)).toMatchObject(OK);

    const annotations = { [DEFAULT_NETWORK]: `${foreign}/n` };
    const other = await site.run("ADD", await site.pod(undefined, { annotations }), conf);
    expect(other.answer.code).toBe(7);
    expect(other.answer.msg).toContain("namespaceIsolation");

    const forAll = site.conf({ namespaceIsolation: true, multusNamespace: foreign });
    const chosen = await site.pod(undefined, { annotations });
    await add(chosen, forAll);
    await checkAndDelete(chosen, forAll);
    expect((await site.run("ADD", await site.pod(`${foreign}/n`), forAll)).answer.code).toBe(7);
    expect(await site.lab.leftovers()).toEqual([]);
  });
});

describe("default-route", () => {
  const ipv6 = (number: number): Conf => ({
    ...site.lab.bridge("", number),
    ipam: {
      type: "host-local",
      dataDir: site.lab.dataDir,
      ranges: [[{ subnet: `10.222.${number}.0/24` }], [{ subnet: `fd00:222:${number}::/64` }]],
      routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
    },
  });

  it("moves each family's default route to the network that asks for it, and CHECK and DEL know", async () => {
    const podnet = site.lab.file("11-dual.conf", { ...ipv6(0), name: "dual" });
    await site.nad("a", ipv6(1));
    await site.nad("b", ipv6(2));
    const conf = site.conf({ clusterNetwork: podnet });
    const plain = await site.pod("a");
    await add(plain, conf);
    expect(await defaultRoutes(plain, 4)).toContain("via 10.222.0.1 dev eth0");
    expect(await site.run("DEL", plain, conf)).toMatchObject(OK);

    const pod = await site.pod([
      { name: "a", "default-route": ["10.222.1.1", "fd00:222:1::1"] },
      { name: "b" },
    ]);
    await add(pod, conf);
    expect(await defaultRoutes(pod, 4)).toEqual(["via 10.222.1.1 dev net1"]);
    expect(await defaultRoutes(pod, 6)).toEqual(["via fd00:222:1::1 dev net1"]);
    expect((await site.status(pod)).map(({ gateway = [] }) => gateway)).toEqual([
      [],
      ["10.222.1.1", "fd00:222:1::1"],
      [],
    ]);
    await checkAndDelete(pod, conf);
  });

  it("of one family, or without a gateway, leaves a pod with two families both", async () => {
    const podnet = site.lab.file("11-dual.conf", { ...ipv6(0), name: "dual" });
    await site.nad("a", ipv6(1));
    const conf = site.conf({ clusterNetwork: podnet });
    const own = {
      eth0: ["via 10.222.0.1 dev eth0", "via fd00:222::1 dev eth0"],
      net1: ["via 10.222.1.1 dev net1", "via fd00:222:1::1 dev net1"],
    };
    for (const [asked, v4, v6] of [
      [["10.222.1.1"], "net1", "eth0"],
      [["fd00:222:1::1"], "eth0", "net1"],
      [[], "net1", "net1"],
    ] as const) {
      const pod = await site.pod([{ name: "a", "default-route": asked }]);
      await add(pod, conf);
      const routes = [...(await defaultRoutes(pod, 4)), ...(await defaultRoutes(pod, 6))];
      expect(routes).toEqual(expect.arrayContaining([own[v4][0], own[v6][1]]));
      if (v4 === "net1") expect(routes).not.toContain(own.eth0[0]);
      if (asked.length > 0 && v6 === "net1") expect(routes).not.toContain(own.eth0[1]);
      await checkAndDelete(pod, conf);
    }
  });

  it("to a gateway that cannot be reached fails, with a reason, and nothing stays attached", async () => {
    await site.nad("a", site.lab.bridge("", 1));
    const pod = await site.pod([{ name: "a", "default-route": ["192.0.2.1"] }]);
    const { answer } = await site.run("ADD", pod);
    expect(answer).toMatchObject({ code: 7, msg: expect.stringContaining("192.0.2.1") });
    expect(await site.lab.interfaces(pod.container)).toEqual([]);
    expect(await site.run("DEL", pod)).toMatchObject(OK);
    expect(await site.lab.leftovers()).toEqual([]);
  });

  it("in two elements of the annotation is refused before anything is attached", async () => {
    for (const [name, number] of [
      ["a", 1],
      ["b", 2],
    ] as const)
      await site.nad(name, site.lab.bridge("", number));
    const pod = await site.pod([
      { name: "a", "default-route": ["10.222.1.1"] },
      { name: "b", "default-route": ["fd00:222:2::1"] },
    ]);
    const { answer } = await site.run("ADD", pod);
    expect(answer).toMatchObject({ code: 7, msg: expect.stringContaining("2 networks have it") });
    expect(site.lab.reserved()).toEqual([]);
    expect(await site.run("DEL", pod)).toMatchObject(OK);
    expect(await site.lab.leftovers()).toEqual([]);
  });
});

describe("the pod in the API server", () => {
  it("is asked for once, with one request for each NetworkAttachmentDefinition one patch, and then one event", async () => {
    await site.nad("a", site.lab.bridge("a", 1));
    await site.nad("b", site.lab.bridge("b", 2));
    const pod = await site.pod("a,b,a");
    // A resident process also lists and follows, and may know a network before it is asked for.
    const before = api.requests().length;
    const asked = () =>
      api
        .requests()
        .slice(before)
        .filter(({ verb }) => verb !== "list" && verb !== "watch");
    await add(pod);
    await site.events(pod);
    const pods = `/api/v1/namespaces/${site.namespace}/pods/${pod.name}`;
    const nads = `/apis/k8s.cni.cncf.io/v1/namespaces/${site.namespace}/network-attachment-definitions`;
    const events = `/api/v1/namespaces/${site.namespace}/events`;
    const all = asked().map(({ verb, uri, status }) => `${verb} ${uri} ${status}`);
    const gets = all.filter((request) => request.startsWith(`get ${nads}/`));
    expect(all.filter((request) => !gets.includes(request))).toEqual([
      `get ${pods} 200`,
      `patch ${pods}/status 200`,
      `create ${events} 201`,
    ]);
    const both = [`get ${nads}/a 200`, `get ${nads}/b 200`];
    if (process.env.PLEXUS_MODE === "resident") expect(both).toEqual(expect.arrayContaining(gets));
    else expect(gets.sort()).toEqual(both);
    await site.run("DEL", pod);
    expect(asked().length).toBe(all.length);
  });

  it("keeps what others write to its annotations meanwhile", async () => {
    site.lab.fake("fake-slow", {
      ADD: 'touch $dir/begun; while [ ! -e $dir/go ]; do sleep 0.05; done; echo \'{"cniVersion":"1.1.0"}\'',
    });
    await site.nad("a", { cniVersion: "1.1.0", type: "fake-slow" });
    const pod = await site.pod("a");
    const adding = add(pod);
    await until("the network is at work", () => fs.existsSync(join(site.lab.dir, "begun")));
    const object = { apiVersion: "v1", kind: "Pod", metadata: { name: pod.name, namespace: pod.namespace } };
    await api.admin.patch({
      ...object,
      metadata: { ...object.metadata, annotations: { "example.com/mine": "1" } },
    });
    fs.writeFileSync(join(site.lab.dir, "go"), "");
    await adding;
    const { metadata } = await api.core.readNamespacedPod({ name: pod.name, namespace: pod.namespace });
    expect(metadata?.annotations).toMatchObject({ "example.com/mine": "1", [NETWORKS]: "a" });
    expect((await site.status(pod))[0]).toMatchObject({ name: "podnet" });
    await checkAndDelete(pod);
  });

  it("that is gone gets an empty result, and nothing is kept", async () => {
    const pod = await site.pod();
    await site.deletePod(pod);
    const { answer } = await add(pod);
    expect(answer).toEqual({
      cniVersion: "1.1.0",
      interfaces: [{ name: "eth0", sandbox: pod.container.netns }],
      ips: [{ address: "0.0.0.0/0", gateway: "0.0.0.0" }],
    });
    expect(await site.run("DEL", pod)).toMatchObject(OK);
    expect(await site.lab.leftovers()).toEqual([]);
  });

  it("must be the one that the runtime means, unless it is a static pod's mirror", async () => {
    const pod = await site.pod();
    const { answer } = await site.run("ADD", { ...pod, uid: "another" });
    expect(answer).toMatchObject({ code: 11, msg: expect.stringContaining(pod.uid) });
    expect(await site.lab.leftovers()).toEqual([]);

    const mirror = await site.pod(undefined, { annotations: { "kubernetes.io/config.source": "file" } });
    await add({ ...mirror, uid: "another" });
    await checkAndDelete(mirror);
  });

  it("is not needed for a container that is no pod's", async () => {
    const container = await site.lab.container();
    const conf = site.conf();
    expect(await site.lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
    expect(await site.lab.run("DEL", conf, { container })).toMatchObject(OK);
    expect(await site.lab.leftovers()).toEqual([]);
  });
});

describe("DEL", () => {
  it("with the API server down detaches all networks, whatever file is left", async () => {
    await site.nad("a", site.lab.bridge("a", 1));
    const conf = site.conf();
    const pods = [];
    for (const losing of ["nothing", "the scratch file", "the result cache"]) {
      const pod = await site.pod("a");
      await add(pod, conf);
      pods.push({ losing, pod });
    }
    await api.down();
    try {
      for (const { losing, pod } of pods) {
        if (losing === "the scratch file") fs.rmSync(join(site.lab.cniDir, pod.container.id));
        if (losing === "the result cache") {
          const results = join(site.lab.cniDir, "results");
          for (const name of fs.readdirSync(results))
            if (name.includes(pod.container.id)) fs.rmSync(join(results, name));
        }
        expect(await site.run("DEL", pod, conf), losing).toMatchObject(OK);
      }
    } finally {
      await api.up();
    }
    expect(await site.lab.leftovers()).toEqual([]);
  });

  it("of a pod without any file detaches what the pod asks for, if the API server answers", async () => {
    await site.nad("a", site.lab.bridge("a", 1));
    const pod = await site.pod("a");
    await add(pod);
    fs.rmSync(site.lab.cniDir, { recursive: true });
    expect(await site.run("DEL", pod)).toMatchObject(OK);
    expect(await site.lab.leftovers()).toEqual([]);
  });

  it.each([
    ["hangs", () => api.pause(), () => api.resume()],
    ["refuses connections", () => api.down(), () => api.up()],
  ])("of a pod without any file succeeds soon where the API server %s", async (_, stop, start) => {
    const pod = await site.pod();
    await stop();
    try {
      const begun = performance.now();
      expect(await site.run("DEL", pod)).toMatchObject(OK);
      expect(performance.now() - begun).toBeLessThan(10_000 * SLOWNESS); // that it ends, not how fast
    } finally {
      await start();
    }
  });

  it("does not touch what is another pod's by now", async () => {
    const pod = await site.pod();
    expect(await site.run("DEL", { ...pod, uid: "another" })).toMatchObject(OK);
    site.lab.fake("fake-witness");
    const conf = site.conf({
      clusterNetwork: site.lab.file("12-w.conf", { cniVersion: "1.1.0", name: "w", type: "fake-witness" }),
    });
    expect(await site.run("DEL", { ...pod, uid: "another" }, conf)).toMatchObject(OK);
    expect(site.lab.calls("fake-witness")).toEqual([]);
    expect(await site.run("DEL", pod, conf)).toMatchObject(OK);
    expect(site.lab.calls("fake-witness").map(({ verb }) => verb)).toEqual(["DEL"]);
  });
});

it("the kubeconfig may hold a token, and one that others can read is warned of", async () => {
  site.kubeconfig = api.kubeconfig("plexus", { url: site.url, token: await api.token() });
  const pod = await site.pod();
  await add(pod);
  fs.chmodSync(site.kubeconfig, 0o644);
  const logFile = join(site.lab.dir, "plexus.log");
  const conf = site.conf({ logFile, logLevel: "error" });
  expect((await site.lab.run("DEL", conf, { container: pod.container, args: argsOf(pod) })).exitCode).toBe(0);
  const second = await site.pod();
  expect((await site.run("ADD", second, conf)).exitCode).toBe(0);
  expect(fs.readFileSync(logFile, "utf8")).toContain("chmod");
  await checkAndDelete(second, conf);
});
