// An explanation is what the real ADD does: held to the recordings that the binary is held to (test/vectors).
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { sortDocuments } from "../../launcher/explain/documents.ts";
import { explain } from "../../launcher/explain/explain.ts";
import { nadsOf } from "../../launcher/explain/given.ts";
import { type Executed, filesOf } from "../../launcher/explain/node.ts";
import { drawPicture, pictureOf } from "../../launcher/explain/picture.ts";
import { loadCore } from "../support/core.ts";
import { CONTAINER, callEssence, clean, type Vector } from "../vectors/replay.ts";

const core = loadCore();

/** Explains documents as a user has them, in their order. */
function explained(documents: (object | [path: string, conf: object])[], more: object = {}) {
  const { conf, files, nads, pods } = sortDocuments(
    documents.map((one) =>
      Array.isArray(one)
        ? { path: one[0] as string, text: JSON.stringify(one[1]) }
        : { text: JSON.stringify(one) },
    ),
  );
  return explain(core, { conf, files: filesOf(files), nad: nadsOf(nads), pod: pods[0], ...more });
}

const CONF = {
  cniVersion: "1.0.0",
  name: "node",
  type: "plexus",
  clusterNetwork: "/net.d/10-calico.conflist",
};
const CALICO: [string, object] = [
  "/net.d/10-calico.conflist",
  {
    cniVersion: "0.3.1",
    name: "k8s-pod-network",
    plugins: [{ type: "calico", ipam: { type: "calico-ipam" } }],
  },
];
const nad = (name: string, config: object, annotations: object = {}) => ({
  kind: "NetworkAttachmentDefinition",
  metadata: { name, annotations },
  spec: { config: JSON.stringify({ cniVersion: "1.0.0", ...config }) },
});
const pod = (networks: object[] | string, more: object = {}) => ({
  kind: "Pod",
  metadata: {
    name: "web",
    annotations: {
      "k8s.v1.cni.cncf.io/networks": typeof networks === "string" ? networks : JSON.stringify(networks),
    },
  },
  spec: more,
});
const macvlan = (ipam: object, more: object = {}) => ({ type: "macvlan", master: "eth1", ...more, ipam });

describe("each delegate is given what the binary was recorded to give it", () => {
  const dir = new URL("../fixtures/vectors/", import.meta.url);
  const vectors = readdirSync(dir)
    .map((file): [string, Vector] => [file, JSON.parse(readFileSync(new URL(file, dir), "utf8"))])
    .filter(([, { case: given, recorded, departs = [] }]) => {
      const isGone = given.pods?.length === 0; // nothing is to be explained of a pod that is not there
      const fails = isGone || JSON.stringify(given.answers ?? []).includes('"error"');
      return recorded.steps[0]?.verb === "ADD" && departs.length === 0 && !fails;
    });
  expect(vectors.length).toBeGreaterThan(25);

  test.each(vectors)("%s", async (_, { case: given, recorded }) => {
    const { netconf, files = {}, nads = [], pods = [], args = "", ifname = "eth0" } = given;
    const [first] = recorded.steps;
    const texts = Object.entries(files).map(([path, content]): [string, string] => [
      `@ROOT@/${path}`,
      typeof content === "string" ? content : JSON.stringify(content),
    ]);
    const objects = [...nads, ...pods].map((object) => ({ text: JSON.stringify(object) }));
    const sorted = sortDocuments(objects);
    const { attachments, error, networkStatus } = await explain(core, {
      conf: typeof netconf === "string" ? netconf : JSON.stringify(netconf),
      files: filesOf(new Map(texts)),
      nad: nadsOf(sorted.nads),
      pod: sorted.pods[0],
      runtime: { containerId: CONTAINER, netns: "@NETNS@", args, ifname },
      plugins: given.plugins ?? [],
      ...(given.plugins ? {} : { plugins: PLUGINS }),
      answer: (executed) => answerOf(given.answers ?? [], executed),
    });
    expect(error === undefined).toBe(first?.exit === 0);
    if (first?.exit !== 0) return;
    const calls = attachments.flatMap(({ plugins }) => plugins);
    const essence = calls.map(({ type, stdin, args: pairs }) => {
      const split = pairs.split(";").filter((pair) => pair !== "");
      const { env, ...rest } = callEssence({
        plugin: type,
        env: { CNI_COMMAND: "ADD", CNI_ARGS: split },
        stdin: JSON.parse(stdin),
      });
      return { ...rest, args: env.CNI_ARGS };
    });
    expect(essence).toEqual(
      first.calls.map((call) => {
        const { env, ...rest } = callEssence(call);
        return { ...rest, args: env.CNI_ARGS };
      }),
    );
    expect(attachments.flatMap(({ ifname: name, plugins }) => plugins.map(() => name))).toEqual(
      first.calls.map(({ env }) => env.CNI_IFNAME),
    );
    const [status] = Object.values(recorded.networkStatus ?? {});
    expect(clean(JSON.parse(networkStatus ?? "null"))).toEqual(clean(status ?? null));
  });
});

const PLUGINS = "bridge macvlan ipvlan flannel calico sriov ptp tuning portmap bandwidth passthru".split(" ");

/** As test/vectors/fake-plugin.mjs answers. */
function answerOf(answers: unknown[], { plugin, env, stdin }: Executed): string {
  const conf = JSON.parse(stdin) as { cniVersion?: string; name?: string; prevResult?: object };
  const given = (answers as { plugin?: string; command?: string; ifname?: string; result?: object }[]).find(
    (one) =>
      (one.plugin ?? plugin) === plugin &&
      (one.command ?? "ADD") === "ADD" &&
      (one.ifname ?? env.CNI_IFNAME) === env.CNI_IFNAME,
  );
  if (given?.result) return JSON.stringify({ ...given.result, cniVersion: conf.cniVersion ?? "0.3.1" });
  if (conf.prevResult) return JSON.stringify(conf.prevResult);
  const { cniVersion = "0.2.0" } = conf;
  const letters = [...`${env.CNI_IFNAME}${conf.name ?? ""}`];
  const number = (letters.reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 200) + 10;
  const [address, gateway] = [`10.1.${number}.2/24`, `10.1.${number}.1`];
  if (["", "0.1.0", "0.2.0"].includes(cniVersion)) {
    return JSON.stringify({ cniVersion: cniVersion || "0.2.0", ip4: { ip: address, gateway }, dns: {} });
  }
  const ip = { address, gateway, interface: 0, ...(cniVersion.startsWith("0.") ? { version: "4" } : {}) };
  const mac = `02:00:00:00:00:${number.toString(16).padStart(2, "0")}`;
  const interfaces = [{ name: env.CNI_IFNAME, mac, sandbox: env.CNI_NETNS }];
  return JSON.stringify({ cniVersion, interfaces, ips: [ip], dns: {} });
}

describe("what is not known yet is said in words", () => {
  test("the container's ID, the pod's UID, MACs and addresses that a plugin chooses", async () => {
    const local = macvlan({ type: "host-local", subnet: "10.1.0.0/16" });
    const { attachments, networkStatus } = await explained([CONF, CALICO, nad("a", local), pod("a")]);
    expect(attachments[1]).toMatchObject({ mac: "<MAC>", addresses: ["<address of 10.1.0.0/16>"] });
    expect(attachments[0]?.plugins[0]?.args).toContain(
      "K8S_POD_INFRA_CONTAINER_ID=<container ID>;K8S_POD_UID=<UID>",
    );
    expect(JSON.parse(networkStatus ?? "")).toEqual([
      { name: "k8s-pod-network", ips: ["<address from calico-ipam>"], default: true, dns: {} },
      { name: "default/a", interface: "net1", ips: ["<address of 10.1.0.0/16>"], mac: "<MAC>", dns: {} },
    ]);
  });

  test("words that hold a subnet somebody has written badly stay inside their JSON string", async () => {
    const bad = macvlan({ type: 'x","mac":"00:00:00:00:00:00' });
    const { attachments, networkStatus } = await explained([CONF, CALICO, nad("a", bad), pod("a")]);
    expect(JSON.parse(networkStatus ?? "")[1].mac).toBe("<MAC>");
    expect(attachments[1]?.addresses).toEqual(['<address from x","mac":"00:00:00:00:00:00>']);
  });
});

describe("what a pod asks for and gets", () => {
  test.each([
    [
      "static, by capability",
      { type: "static" },
      { capabilities: { ips: true } },
      ["10.1.0.5/24"],
      ["10.1.0.5/24"],
    ],
    ["static, by CNI_ARGS", { type: "static" }, {}, ["10.1.0.5/24"], ["10.1.0.5/24"]],
    [
      "static, without a prefix length",
      { type: "static" },
      { capabilities: { ips: true } },
      ["10.1.0.5"],
      [],
    ],
    ["of the conf", { type: "static", addresses: [{ address: "10.2.0.9/24" }] }, {}, [], ["10.2.0.9/24"]],
    [
      "host-local, in its range",
      { type: "host-local", subnet: "10.1.0.0/16" },
      {},
      ["10.1.7.5"],
      ["10.1.7.5/16"],
    ],
    [
      "host-local, outside of its range",
      { type: "host-local", subnet: "10.1.0.0/16" },
      {},
      ["10.9.7.5"],
      ["<address of 10.1.0.0/16>"],
    ],
    [
      "host-local, two families",
      { type: "host-local", ranges: [[{ subnet: "10.1.0.0/16" }], [{ subnet: "fd00::/64" }]] },
      { capabilities: { ips: true } },
      ["fd00::5"],
      ["<address of 10.1.0.0/16>", "fd00::5/64"],
    ],
    ["whereabouts", { type: "whereabouts", range: "10.3.0.0/24" }, {}, [], ["<address of 10.3.0.0/24>"]],
    ["dhcp", { type: "dhcp" }, {}, [], ["<address from dhcp>"]],
    ["no IPAM", {}, {}, ["10.1.0.5/24"], []],
  ])("addresses: %s", async (_, ipam, more, ips, expected) => {
    const { attachments } = await explained([
      CONF,
      CALICO,
      nad("a", macvlan(ipam, more)),
      pod([{ name: "a", ...(ips.length > 0 ? { ips } : {}) }]),
    ]);
    expect(attachments[1]?.addresses).toEqual(expected);
  });

  test("a device of its resource, for each network that names one; the one that is left without is warned of", async () => {
    const sriov = nad("s", { type: "sriov" }, { "k8s.v1.cni.cncf.io/resourceName": "intel.com/vf" });
    const asked = { containers: [{ resources: { limits: { "intel.com/vf": "1" } } }] };
    const { attachments, warnings } = await explained([CONF, CALICO, sriov, pod("s,s", asked)]);
    expect(attachments.map(({ device }) => device)).toEqual([
      undefined,
      "<device of intel.com/vf>",
      undefined,
    ]);
    expect(attachments[1]?.plugins[0]?.stdin).toContain('"deviceID":"<device of intel.com/vf>"');
    expect(warnings).toEqual([expect.stringContaining("network default/s gets no device")]);
  });

  test("the default route through its gateway, which network-status names", async () => {
    const asked = pod([{ name: "a", ips: ["10.1.0.5/24"], "default-route": ["10.1.0.1"] }]);
    const { attachments, networkStatus } = await explained([
      CONF,
      CALICO,
      nad("a", macvlan({ type: "static" })),
      asked,
    ]);
    expect(attachments[1]?.gateways).toEqual(["10.1.0.1"]);
    expect(JSON.parse(networkStatus ?? "")[1].gateway).toEqual(["10.1.0.1"]);
  });

  test("a MAC by tuning, at the end of a chain", async () => {
    const chain = { name: "c", plugins: [{ type: "ptp" }, { type: "tuning", capabilities: { mac: true } }] };
    const asked = pod([{ name: "c", mac: "02:11:22:33:44:55" }]);
    const { attachments } = await explained([CONF, CALICO, nad("c", chain), asked]);
    expect(attachments[1]?.mac).toBe("02:11:22:33:44:55");
  });

  test("a request that no plugin claims, and none gave, is warned of, once", async () => {
    const asked = pod([{ name: "a", mac: "02:11:22:33:44:55" }]);
    const of = (mac: string) => ({
      answer: ({ plugin, env }: Executed) =>
        plugin === "macvlan"
          ? JSON.stringify({
              cniVersion: "1.0.0",
              interfaces: [{ name: env.CNI_IFNAME, mac, sandbox: env.CNI_NETNS }],
            })
          : undefined,
    });
    const documents = [CONF, CALICO, nad("a", macvlan({})), asked] as const;
    const { warnings, attachments } = await explained([...documents], of("02:99:22:33:44:55"));
    expect(attachments[1]?.unclaimed).toEqual(["mac"]);
    expect(warnings).toEqual([
      expect.stringMatching(/^network default\/a on net1: `mac` is asked for, .*\[missing-capability]$/),
    ]);
    expect((await explained([...documents], of("02:11:22:33:44:55"))).warnings).toEqual([]);
  });

  test("a request for the default network, which its plugins are not given, is warned of, once", async () => {
    const element = { name: "a", namespace: "default", portMappings: [{ hostPort: 80, containerPort: 80 }] };
    const annotations = { "v1.multus-cni.io/default-network": JSON.stringify([element]) };
    const asked = { kind: "Pod", metadata: { name: "web", annotations } };
    const conf = { ...macvlan({}), capabilities: { portMappings: true } };
    const { warnings } = await explained([CONF, CALICO, nad("a", conf), asked]);
    expect(warnings).toEqual([
      "network default/a on eth0: `portMappings` is asked for, and the plugins of the default network are given no requests; " +
        "remove it, or attach the network by k8s.v1.cni.cncf.io/networks [missing-capability]",
    ]);
  });

  test("an address that a plugin gave by CNI_ARGS is not warned of, although none claims the capability", async () => {
    const asked = pod([{ name: "a", ips: ["10.1.0.7"] }]);
    const of = (address: string) => ({
      answer: ({ plugin, env }: Executed) =>
        plugin === "macvlan"
          ? JSON.stringify({
              cniVersion: "1.0.0",
              interfaces: [{ name: env.CNI_IFNAME, sandbox: env.CNI_NETNS }],
              ips: [{ address, interface: 0 }],
            })
          : undefined,
    });
    const documents = [CONF, CALICO, nad("a", macvlan({ type: "host-local" })), asked] as const;
    expect((await explained([...documents], of("10.1.0.7/24"))).warnings).toEqual([]);
    expect((await explained([...documents], of("10.1.0.8/24"))).warnings).toEqual([
      expect.stringMatching(/^network default\/a on net1: `ips` is asked for, .*\[missing-capability]$/),
    ]);
  });
});

test("the picture of a pod shows its interfaces with what they have, and a stand-in for what is not given", async () => {
  const asked = pod([
    { name: "a", ips: ["10.1.0.5/24"], mac: "02:11:22:33:44:55", "default-route": ["10.1.0.1"] },
  ]);
  const picture = pictureOf(await explained([nad("a", macvlan({ type: "static" })), asked]), sortedPod);
  expect(picture).toMatchObject({
    name: "default/web",
    rows: [
      { ifname: "eth0", isStandIn: true, network: "the default network", lines: [] },
      {
        ifname: "net1",
        lines: ["10.1.0.5/24", "02:11:22:33:44:55", "default via 10.1.0.1"],
        underlay: ["on eth1, mode bridge"],
        warning: "ips, mac: no plugin claims it",
      },
    ],
  });
  expect(drawPicture(picture)).toContain("default via 10.1.0.1");
});

const sortedPod = { namespace: "default", name: "web" };

describe("what cannot be done is said as ADD says it", () => {
  test("a network that does not exist", async () => {
    const { error, attachments, events, networkStatus } = await explained([CONF, CALICO, pod("none")]);
    expect(error).toMatchObject({
      code: 7,
      message: expect.stringContaining("there is no NetworkAttachmentDefinition"),
    });
    expect(attachments).toEqual([]);
    expect(networkStatus).toBeUndefined();
    expect(events).toEqual([expect.objectContaining({ type: "Warning", reason: "NoNetworkFound" })]);
  });

  test("a conf that is not Plexus's, or is not JSON", async () => {
    const files = filesOf(new Map());
    for (const [conf, why] of [
      ["{", "not valid JSON"],
      ['{"cniVersion":"1.0.0"}', "the conf: `name` is required"],
    ] as const) {
      const { error } = await explain(core, { conf, files, nad: nadsOf([]) });
      expect(error?.message).toContain(why);
    }
  });

  test("a conf of which no result can come: its plugin will refuse it", async () => {
    const bad = macvlan({ type: "host-local", subnet: "10.1.0.0/16", routes: [{ dst: "default" }] });
    const { error } = await explained([CONF, CALICO, nad("a", bad), pod("a")]);
    expect(error).toEqual({
      code: 7,
      message: expect.stringMatching(
        /network default\/a on net1: .*it will refuse its conf: each of `routes` needs `dst`/,
      ),
    });
  });

  test("a plugin that the node does not have", async () => {
    const given = [CONF, CALICO, nad("a", macvlan({})), pod("a")];
    const { error } = await explained(given, { plugins: ["calico"] });
    expect(error?.message).toContain('there is no plugin "macvlan"');
  });
});

describe("the default network's conf", () => {
  test("is what the conf names, by its path", async () => {
    const { attachments } = await explained([CONF, CALICO, pod("")]);
    expect(attachments).toMatchObject([{ network: "k8s-pod-network", isDefault: true, isStandIn: false }]);
  });

  test.each([
    ["no conf is given", []],
    ["the file is not given", [CONF]],
    ["the name is not given", [{ ...CONF, clusterNetwork: "flannel" }]],
  ])("has a stand-in if %s", async (_, documents) => {
    const { attachments, error } = await explained([...documents, pod("a"), nad("a", macvlan({}))]);
    expect(error).toBeUndefined();
    expect(attachments.map(({ isStandIn, ifname }) => [ifname, isStandIn])).toEqual([
      ["eth0", true],
      ["net1", false],
    ]);
  });

  test("is an error, and has no stand-in, if its file is there and broken", async () => {
    const files = filesOf(new Map([["/net.d/10-calico.conflist", "{"]]));
    const { error } = await explain(core, { conf: JSON.stringify(CONF), files, nad: nadsOf([]) });
    expect(error?.message).toContain("/net.d/10-calico.conflist");
  });
});

describe("documents", () => {
  test("are sorted by what they are, also in lists and templates", () => {
    const texts = [
      { kind: "List", items: [nad("a", {}), { kind: "Secret" }] },
      {
        kind: "Deployment",
        metadata: { name: "d", namespace: "n" },
        spec: { template: { metadata: { annotations: { x: "y", z: 1 } } } },
      },
      { type: "multus", name: "m", confDir: "/c" },
      { name: "one", type: "bridge" },
    ].map((one) => ({ text: JSON.stringify(one) }));
    const { conf, files, nads, pods } = sortDocuments([
      ...texts,
      { text: "{" },
      { text: "null" },
      { text: "[1]" },
    ]);
    expect(conf).toContain('"multus"');
    expect([...files.keys()]).toEqual(["/c/10-one.conf"]);
    expect(nads.map(({ namespace, name }) => [namespace, name])).toEqual([["default", "a"]]);
    expect(pods).toMatchObject([{ namespace: "n", name: "d-0", annotations: { x: "y" } }]);
  });
});
