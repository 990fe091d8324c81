// Networks come and go while a pod runs: a real API server, a daemon, an executor, real namespaces and plugins.
import type { ChildProcess } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ApiServer } from "../support/apiserver.ts";
import type { Resident } from "../support/resident.ts";
import { DEFAULT_NETWORK, NETWORKS, type Sandbox, Site } from "../support/site.ts";
import { until } from "../support/until.ts";
import { type FakeKubelet, startKubelet } from "../unit/fake-kubelet.ts";

/** A plugin's answer that says it has made its interface. */
const MADE = `echo '{"cniVersion":"1.1.0","interfaces":[{"name":"'$CNI_IFNAME'","sandbox":"'$CNI_NETNS'"}]}'`;

let api: ApiServer;
let site: Site;
let resident: Resident;
let executor: ChildProcess;
const daemon = () => [
  "daemon",
  "--node-name",
  "node",
  "--kubeconfig",
  api.kubeconfig("plexus"),
  "--heal",
  "1",
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
  for (const [index, name] of ["a", "b", "c"].entries())
    await site.nad(name, site.lab.bridge(name, index + 1, { capabilities: { ips: true, mac: true } }));
});
afterEach(() => site.close());

function serve(): ChildProcess {
  return site.lab.daemon("node", resident.shim, "--serve");
}

async function attached(
  networks?: string | object[],
  options: Parameters<Site["pod"]>[1] = {},
  conf: Parameters<Site["conf"]>[0] = {},
): Promise<Sandbox> {
  const pod = await site.pod(networks, options);
  const added = await site.run("ADD", pod, site.conf(conf));
  expect(added, added.stdout + added.stderr).toMatchObject({ exitCode: 0 });
  return pod;
}

/** Edits the pod's annotation. */
async function edit(pod: Sandbox, networks: string | object[]): Promise<void> {
  await annotate(pod, { [NETWORKS]: typeof networks === "string" ? networks : JSON.stringify(networks) });
}

async function annotate({ name, namespace }: Sandbox, annotations: Record<string, string | null>) {
  const metadata = { name, namespace, annotations };
  await api.admin.patch({ apiVersion: "v1", kind: "Pod", metadata } as never);
}

/** Waits until the pod's interfaces are these, in network-status and in its namespace. */
async function becomes(pod: Sandbox, interfaces: string[]): Promise<void> {
  await until(`the pod has ${interfaces.join(", ")}`, async (tell) => {
    const status = (await site.status(pod)).map((one) => one.interface);
    const links = await site.lab.interfaces(pod.container);
    tell(`network-status has ${status}, the namespace ${links}; ${resident.said()}`);
    const same = (some: string[]) => [...some].sort().join() === [...interfaces].sort().join();
    return same(status) && same(links);
  });
}

async function deleted(pod: Sandbox): Promise<void> {
  expect(await site.run("DEL", pod)).toMatchObject({ exitCode: 0, stdout: "" });
  expect(await site.lab.leftovers()).toEqual([]);
}

describe("an edit of the annotation", () => {
  it("attaches what is new and detaches what is gone; the others stay as they are, under their names", async () => {
    const pod = await attached("a");
    const [before] = await site.lab.addresses(pod.container, "net1");
    await edit(pod, "b,a");
    await becomes(pod, ["eth0", "net1", "net2"]);
    expect(await site.lab.addresses(pod.container, "net1")).toEqual([before]);
    expect(await site.status(pod)).toMatchObject([
      { name: "podnet", default: true },
      { name: `${site.namespace}/a`, interface: "net1" },
      { name: `${site.namespace}/b`, interface: "net2" },
    ]);
    await edit(pod, "b");
    await becomes(pod, ["eth0", "net2"]);
    expect(await site.events(pod, 3)).toEqual([
      expect.stringMatching(/^Normal AddedInterface Add eth0 /),
      expect.stringMatching(/^Normal AddedInterface Add net2 .* from .*\/b$/),
      `Normal RemovedInterface Remove net1 from ${site.namespace}/a`,
    ]);
    await edit(pod, "");
    await becomes(pod, ["eth0"]);
    expect(site.lab.reserved()).toHaveLength(1);
    await deleted(pod);
  });

  it("that asks an attached network for another address attaches it anew, and nothing else", async () => {
    const pod = await attached([{ name: "a" }, { name: "b", ips: ["10.222.2.50/24"] }]);
    const [kept] = await site.lab.addresses(pod.container, "net1");
    await edit(pod, [{ name: "a" }, { name: "b", ips: ["10.222.2.60/24"] }]);
    await until("it has the other address", async () =>
      (await site.lab.addresses(pod.container, "net2").catch((): string[] => [])).includes("10.222.2.60/24"),
    );
    expect(await site.lab.addresses(pod.container, "net1")).toEqual([kept]);
    await until(
      "network-status says so",
      async () => (await site.status(pod))[2]?.ips?.[0] === "10.222.2.60",
    );
    await deleted(pod);
  });

  it("that is invalid changes nothing, and is told by an event, once; the next one is carried out", async () => {
    const pod = await attached("a");
    await edit(pod, '[{"name": "a", "ips": "10.0.0.1"}]');
    expect(await site.events(pod, 2)).toEqual([
      expect.stringMatching(/^Normal AddedInterface/),
      expect.stringMatching(/^Warning FailedToAttachNetworks .*`ips` must be a list of strings/),
    ]);
    await edit(pod, "a,none");
    expect((await site.events(pod, 3))[2]).toMatch(
      /^Warning NoNetworkFound .*no NetworkAttachmentDefinition/,
    );
    await becomes(pod, ["eth0", "net1"]);
    await edit(pod, "a,c@other");
    await becomes(pod, ["eth0", "net1", "other"]);
    await deleted(pod);
  });

  it("detaches a network whose NetworkAttachmentDefinition is gone", async () => {
    const pod = await attached("a,b");
    await api.admin.delete({
      apiVersion: "k8s.cni.cncf.io/v1",
      kind: "NetworkAttachmentDefinition",
      metadata: { name: "a", namespace: site.namespace },
    } as never);
    await edit(pod, "b@net2");
    await becomes(pod, ["eth0", "net2"]);
    await deleted(pod);
  });

  it("that asks for another default network changes nothing, and is told by an event; without that it is carried out", async () => {
    const pod = await attached("a");
    await annotate(pod, { [DEFAULT_NETWORK]: `${site.namespace}/b`, [NETWORKS]: "a,c" });
    expect((await site.events(pod, 2))[1]).toMatch(
      /^Warning FailedToAttachNetworks network .*\/b: the default network, podnet, cannot change/,
    );
    expect(await site.lab.interfaces(pod.container)).not.toContain("net2");
    await annotate(pod, { [DEFAULT_NETWORK]: null });
    await becomes(pod, ["eth0", "net1", "net2"]);
    await deleted(pod);
  });

  it("that asks for its default network no more leaves it, and is told by an event; other networks come and go", async () => {
    const asks = { annotations: { [DEFAULT_NETWORK]: `${site.namespace}/b` } };
    const pod = await attached("a", asks);
    await annotate(pod, { [DEFAULT_NETWORK]: null });
    expect((await site.events(pod, 2))[1]).toMatch(
      /^Warning FailedToAttachNetworks network .*\/b: the pod does not ask for it as its default network any more/,
    );
    await edit(pod, "a,c");
    await becomes(pod, ["eth0", "net1", "net2"]);
    expect((await site.status(pod))[0]).toMatchObject({ name: `${site.namespace}/b`, default: true });
    await deleted(pod);
  });

  it("is told nothing of a cluster network that is a NetworkAttachmentDefinition: no annotation has asked for that", async () => {
    const pod = await attached("a", {}, { clusterNetwork: "b", multusNamespace: site.namespace });
    expect((await site.status(pod))[0]).toMatchObject({ name: `${site.namespace}/b`, default: true });
    for (const [networks, interfaces] of [
      ["a,c", ["eth0", "net1", "net2"]],
      ["c", ["eth0", "net2"]],
    ] as const) {
      await edit(pod, networks);
      await becomes(pod, [...interfaces]);
    }
    expect((await site.events(pod)).filter((one) => one.startsWith("Warning"))).toEqual([]);
    await deleted(pod);
  });

  describe("to a network of devices", () => {
    const RESOURCE = "vendor.com/nic";
    /** The kubelet's root: its socket is there, and the shim may read its checkpoint, as `plexus install --hotplug` has it. */
    let kubeletRoot: string;
    let kubelet: FakeKubelet;
    beforeEach(async () => {
      kubeletRoot = fs.mkdtempSync(join(tmpdir(), "plexus-kubelet-")); // the shim looks at all of the lab's
      for (const name of ["device-plugins", "pod-resources"])
        fs.mkdirSync(join(kubeletRoot, name), { recursive: true });
      fs.appendFileSync(`${resident.shim}.conf`, `kubelet ${kubeletRoot}\n`);
      kubelet = await startKubelet(join(kubeletRoot, "pod-resources/kubelet.sock"), []);
      site.lab.fake("fake-nic", {
        ADD: `case $conf in *deviceID*) ${MADE} ;; *) echo '{"code":100,"msg":"which device?"}'; exit 1 ;; esac`,
      });
      const annotations = { "k8s.v1.cni.cncf.io/resourceName": RESOURCE };
      await site.nad("nic", { cniVersion: "1.1.0", name: "nic", type: "fake-nic" }, { annotations });
    });
    afterEach(() => {
      kubelet?.close();
      fs.rmSync(kubeletRoot, { recursive: true });
    });

    /** Has the kubelet remember which devices it has given to the pod. */
    function remember(pod: Sandbox, devices: string[]): void {
      const entry = { PodUID: pod.uid, ResourceName: RESOURCE, DeviceIDs: { "0": devices } };
      const text = JSON.stringify({ Data: { PodDeviceEntries: [entry], RegisteredDevices: {} } });
      fs.writeFileSync(join(kubeletRoot, "device-plugins/kubelet_internal_checkpoint"), text);
    }

    it("attaches it if the pod has a spare one, although the kubelet's socket cannot be asked", async () => {
      const pod = await attached("a", {}, { kubeletRoot });
      remember(pod, ["0000:01:00.2"]);
      await edit(pod, "a,nic");
      await until("it is attached", async (tell) => {
        tell((await site.events(pod, 1)).join("; "));
        return (await site.status(pod)).some(({ name }) => name.endsWith("/nic"));
      });
      const [{ conf } = { conf: {} }] = site.lab.calls("fake-nic");
      expect(conf).toMatchObject({ deviceID: "0000:01:00.2" });
      await edit(pod, "a,nic,nic");
      await until("it is told that there is none for the other", async () =>
        (await site.events(pod, 1)).some((line) => /no vendor\.com\/nic left/.test(line)),
      );
      expect(kubelet.calls()).toBe(0);
      await edit(pod, "a");
      await becomes(pod, ["eth0", "net1"]);
      await deleted(pod);
    });

    it("of which the pod has none is told by an event, with why that is", async () => {
      const pod = await attached("a", {}, { kubeletRoot });
      remember(pod, []);
      await edit(pod, "a,nic,c");
      await until("the other one is there", async () =>
        (await site.lab.interfaces(pod.container)).includes("net3"),
      );
      expect((await site.events(pod, 3)).join("\n")).toMatch(
        /Warning .*\/nic on net2: .*which device\?; the pod has no vendor\.com\/nic left, and gets no more while it runs/,
      );
      await edit(pod, "a,c");
      await becomes(pod, ["eth0", "net1", "net3"]);
      await deleted(pod);
    });

    it("changes nothing if the shim may not read whose they are, and says which line it wants", async () => {
      const pod = await attached("a", {}, { kubeletRoot: `${kubeletRoot}/other` });
      await edit(pod, "a,nic");
      expect((await site.events(pod, 2))[1]).toMatch(
        /^Warning .*the shim may not read .*\/other\/device-plugins\/.*; add the line `kubelet DIRECTORY`/,
      );
      await deleted(pod);
    });
  });

  it("to a network that fails undoes that one, and is tried again until it works", async () => {
    site.lab.fake("fake-net", {
      ADD: `[ -e $dir/works ] || { echo '{"code":100,"msg":"not yet"}'; exit 1; }; ${MADE}`,
    });
    await site.nad("f", { cniVersion: "1.1.0", name: "f", type: "fake-net" });
    const pod = await attached("a");
    await edit(pod, "a,f,b");
    await until("the others are there", async () =>
      (await site.lab.interfaces(pod.container)).includes("net3"),
    );
    expect((await site.events(pod, 3)).join("\n")).toContain("not yet");
    fs.writeFileSync(join(site.lab.dir, "works"), "");
    await until("it is attached", async () =>
      (await site.status(pod)).some(({ name }) => name.endsWith("/f")),
    );
    await deleted(pod);
  });
});

describe("a plugin that", () => {
  it("the shim refuses keeps the pod from no other network, nor from any when its own is gone from the annotation", async () => {
    site.lab.fake("fake-through", { ADD: MADE });
    const through = { cniVersion: "1.1.0", name: "through", type: "fake-through", ipam: { type: "danm" } };
    await site.nad("through", through);
    const pod = await attached("a");
    await edit(pod, "a,through,b");
    await until("b is attached", async () =>
      (await site.status(pod)).some(({ name }) => name.endsWith("/b")),
    );
    expect((await site.events(pod, 3)).join("\n")).toMatch(
      /cannot be done while the pod runs: the shim refused it: its conf names a meta-plugin.*; create the pod anew/,
    );
    await edit(pod, "a,b,c");
    await until("c is attached", async () =>
      (await site.status(pod)).some(({ name }) => name.endsWith("/c")),
    );
    expect(site.lab.calls("fake-through")).toEqual([]);
    expect(await site.run("DEL", pod)).toMatchObject({ exitCode: 0, stdout: "" });
    // As of an ADD that the shim refuses: GC would try it.
    expect(await site.lab.leftovers()).toEqual([expect.stringMatching(/orphans\/\d+-never-/)]);
  });

  it("says that it is to be tried again is told of, if it goes on saying so", async () => {
    site.lab.fake("fake-later", { ADD: `echo '{"code":11,"msg":"the switch is busy"}'; exit 1` });
    await site.nad("later", { cniVersion: "1.1.0", name: "later", type: "fake-later" });
    const pod = await attached("a");
    await edit(pod, "a,later");
    await until("the pod has an event", async () =>
      (await site.events(pod, 1)).some((line) => line.includes("the switch is busy")),
    );
    await deleted(pod);
  });

  it("hangs takes nobody's turn for good: it is ended after a minute, and tried again", async () => {
    site.lab.fake("fake-once", {
      ADD: `[ -e $dir/hung ] || { touch $dir/hung; exec sleep 1000; }; ${MADE}`,
    });
    await site.nad("once", { cniVersion: "1.1.0", name: "once", type: "fake-once" });
    const pod = await attached("a");
    await edit(pod, "once,a");
    await until("it is attached", async () =>
      (await site.status(pod)).some(({ name }) => name.endsWith("/once")),
    );
    expect(site.lab.calls("fake-once").map(({ verb }) => verb)).toEqual(["ADD", "DEL", "ADD"]);
    await deleted(pod);
  });
});

describe("whatever dies", () => {
  it("an edit while the daemon is gone is carried out by the next one", async () => {
    const pod = await attached("a");
    await resident.stop();
    await edit(pod, "b");
    await resident.start(daemon());
    await becomes(pod, ["eth0", "net2"]);
    await deleted(pod);
  });

  it("an edit while the executor is gone is carried out by the next one", async () => {
    const pod = await attached("a");
    executor.kill("SIGKILL");
    await edit(pod, "a,b");
    executor = serve();
    await becomes(pod, ["eth0", "net1", "net2"]);
    await deleted(pod);
  });

  it.each(["ADD", "DEL"])(
    "the daemon is killed while a plugin's %s runs: the next one ends it",
    async (verb) => {
      const wait = `touch $dir/at-$CNI_COMMAND; while [ -e $dir/hold-$CNI_COMMAND ]; do sleep 0.02; done`;
      site.lab.fake("fake-slow", { ADD: `${wait}; ${MADE}`, DEL: wait });
      await site.nad("slow", { cniVersion: "1.1.0", name: "slow", type: "fake-slow" });
      const hold = join(site.lab.dir, `hold-${verb}`);
      fs.writeFileSync(hold, "");
      const pod = await attached(verb === "ADD" ? "a" : "a,slow");
      await edit(pod, verb === "ADD" ? "a,slow,b" : "a,b");
      await until("the plugin is at work", () => fs.existsSync(join(site.lab.dir, `at-${verb}`)));
      await resident.stop();
      fs.rmSync(hold);
      await resident.start(daemon());
      await until("the pod is as it asks", async () => {
        const names = (await site.status(pod)).map(({ name }) => name.split("/").at(-1));
        return [...names].sort().join() === (verb === "ADD" ? "a,b,podnet,slow" : "a,b,podnet");
      });
      await deleted(pod);
    },
  );

  it("a DEL of the sandbox does not wait for a plugin of an edit", async () => {
    site.lab.fake("fake-hangs", { ADD: "touch $dir/hangs; exec sleep 1000" });
    await site.nad("hangs", { cniVersion: "1.1.0", name: "hangs", type: "fake-hangs" });
    const pod = await attached("a");
    await edit(pod, "a,hangs");
    await until("the plugin hangs", () => fs.existsSync(join(site.lab.dir, "hangs")));
    await deleted(pod);
    expect(site.lab.calls("fake-hangs").map(({ verb }) => verb)).toEqual(["ADD", "DEL"]);
  });
});

describe("leftovers heal without a call of the runtime", () => {
  it("a sandbox that was taken away without a DEL is undone", async () => {
    const pod = await attached("a,b");
    expect(site.lab.reserved()).toHaveLength(3);
    await site.lab.kill(pod.container);
    await until("its addresses are free", () => site.lab.reserved().length === 0);
    await until("nothing is left", async () => (await site.lab.leftovers()).length === 0);
  });

  it("a DEL that has failed, and that the runtime does not repeat, is repeated", async () => {
    site.lab.fake("fake-del", {
      ADD: MADE,
      DEL: `[ -e $dir/works ] || { echo '{"code":100,"msg":"no"}'; exit 1; }`,
    });
    await site.nad("d", { cniVersion: "1.1.0", name: "d", type: "fake-del" });
    const pod = await attached("a,d");
    expect(await site.run("DEL", pod)).toMatchObject({ exitCode: 1 });
    fs.writeFileSync(join(site.lab.dir, "works"), "");
    await until("nothing is left", async () => (await site.lab.leftovers()).length === 0);
  });
});
