import { describe, expect, test } from "vitest";
import { operations } from "../../packages/core/documents.ts";
import type { Delegate } from "../../packages/core/index.ts";
import { loadCore } from "../support/core.ts";

const core = loadCore();
const runtime = { containerId: "c1", netns: "/n", ifname: "eth0", args: "K8S_POD_NAME=p" };
const confs = [
  { cniVersion: "1.0.0", name: "a", type: "bridge", big: 1 },
  { cniVersion: "1.0.0", name: "b", plugins: [{ type: "macvlan" }, { type: "tuning", sysctl: { x: "1" } }] },
  { cniVersion: "1.1.0", name: "c", type: "ptp" },
];
const selections = [
  undefined,
  { mac: "02:00:00:00:00:01", ips: ["10.0.0.9"] },
  { interface: "if9", defaultRoute: ["10.0.0.1"] },
];

function added(scratch?: string, ifname = "eth0", names: string[] = []) {
  const networks = confs.map((conf, index) => ({
    conf: JSON.stringify(conf),
    source: "test",
    name: `ns/${conf.name}`,
    ...(selections[index] || names[index]
      ? { selection: { ...selections[index], ...interfaceOf(names[index]) } }
      : {}),
  }));
  const plan = core.plan({
    runtime: { ...runtime, ifname },
    networks,
    ...(scratch === undefined ? {} : { scratch }),
  });
  const caches = plan.delegates.map((delegate) =>
    core.remember({
      delegate,
      result: `{"cniVersion":"${delegate.cniVersion}","from":"${delegate.network}"}`,
      runtime,
    }),
  );
  return { ...plan, caches };
}

const interfaceOf = (name: string | undefined) => (name ? { interface: name } : {});

const recover = (more: { scratch?: string; caches?: string[]; ifname?: string | undefined }) => {
  const { ifname = "eth0", caches = [], ...files } = more;
  const { containerId, args } = runtime;
  return operations.recover.output.parse(
    core.recover({ runtime: { containerId, args, ifname }, caches, ...files }),
  );
};

/** What a DEL depends on. */
const essence = ({ network, ifname, plugins, conf, default: isDefault }: Delegate) => ({
  network,
  ifname,
  plugins,
  conf,
  isDefault,
});

describe("recover", () => {
  const { delegates, scratch, caches } = added();
  const all = delegates.map(essence);

  test("the files are named and laid out as libcni and Multus have them", () => {
    expect(delegates.map(({ cacheFile }) => cacheFile)).toEqual(["a-c1-eth0", "b-c1-net1", "c-c1-if9"]);
    expect(JSON.parse(caches[1] ?? "")).toMatchObject({
      kind: "cniCacheV1",
      containerId: "c1",
      config: Buffer.from(JSON.stringify(confs[1])).toString("base64"),
      ifName: "net1",
      networkName: "b",
      netns: "/n",
      cniArgs: [
        ["IgnoreUnknown", "true"],
        ["K8S_POD_NAME", "p"],
        ["MAC", "02:00:00:00:00:01"],
        ["IP", "10.0.0.9"],
      ],
      capabilityArgs: { ips: ["10.0.0.9"], mac: "02:00:00:00:00:01" },
      result: { cniVersion: "1.0.0", from: "b" },
    });
    expect(JSON.parse(scratch)).toMatchObject([
      {
        Name: "ns/a",
        Conf: { name: "a", type: "bridge" },
        ConfList: {},
        Bytes: Buffer.from(JSON.stringify(confs[0])).toString("base64"),
      },
      {
        Name: "ns/b",
        ConfList: { cniVersion: "1.0.0", name: "b", plugins: [{ type: "macvlan" }, { type: "tuning" }] },
        macRequest: "02:00:00:00:00:01",
        ipRequest: ["10.0.0.9"],
      },
      {
        Name: "ns/c",
        ifnameRequest: "if9",
        "default-route": ["10.0.0.1"],
        IsFilterV4Gateway: false,
        IsFilterV6Gateway: false,
      },
    ]);
  });

  test("either kind of file says which verbs a network has and how its cache file is named", () => {
    const facts = ({ verbs, cacheFile }: Delegate) => ({ verbs, cacheFile });
    const expected = [
      { verbs: ["CHECK"], cacheFile: "a-c1-eth0" },
      { verbs: ["CHECK"], cacheFile: "b-c1-net1" },
      { verbs: ["CHECK", "GC", "STATUS"], cacheFile: "c-c1-if9" },
    ];
    expect(recover({ scratch }).delegates.map(facts)).toEqual(expected);
    expect(recover({ caches }).delegates.map(facts)).toEqual(expected);
  });

  test("both kinds of file give all delegates, with their results", () => {
    const recovered = recover({ scratch, caches });
    expect(recovered.delegates.map(essence)).toEqual(all);
    expect(recovered.delegates.map(({ result }) => JSON.parse(result ?? "").from)).toEqual(["a", "b", "c"]);
    expect(recovered.unusable).toEqual([]);
  });

  test("the scratch file alone is enough", () => {
    expect(recover({ scratch }).delegates.map(essence)).toEqual(all);
  });

  test("the cache alone is enough, the default network first, in whatever order its files come", () => {
    const recovered = recover({ caches: [...caches].reverse() }).delegates.map(essence);
    expect(recovered[0]).toEqual(all[0]);
    expect(new Set(recovered.map((one) => JSON.stringify(one)))).toEqual(
      new Set(all.map((one) => JSON.stringify(one))),
    );
  });

  test("CNI_ARGS have the MAC and IP addresses of the ADD, whichever file is left, and whether the runtime gives its own", () => {
    const argsOf = (delegate: Delegate, verb: "ADD" | "CHECK" | "DEL") =>
      core.invoke({ delegate, verb, plugin: 0, runtime: { containerId: "c1", netns: "/n" } }).env.CNI_ARGS;
    const addresses = "MAC=02:00:00:00:00:01;IP=10.0.0.9";
    const known = `IgnoreUnknown=true;K8S_POD_NAME=p;${addresses}`;
    expect(argsOf(delegates[1] as Delegate, "ADD")).toBe(known);
    for (const [files, without] of [
      [{ scratch, caches }, known],
      [{ scratch, caches: [] as string[] }, `IgnoreUnknown=true;${addresses}`],
      [{ caches }, known],
    ] as const)
      for (const args of [runtime.args, ""]) {
        const recovered = core.recover({ runtime: { containerId: "c1", args, ifname: "eth0" }, ...files });
        const second = recovered.delegates.find(({ network }) => network === "b") as Delegate;
        for (const verb of ["CHECK", "DEL"] as const)
          expect(argsOf(second, verb)).toBe(args === "" ? without : known);
      }
  });

  test("capability arguments are those of the ADD, whichever file is left, and whatever the runtime gives by then", () => {
    const portMappings = [{ hostPort: 80, containerPort: 8080, protocol: "tcp" }];
    const capabilities = { portMappings: true, bandwidth: true, ips: true };
    const plugin = { type: "portmap", capabilities };
    const asked = {
      portMappings: JSON.stringify(portMappings),
      bandwidth: '{"ingressRate":1,"ingressBurst":2}',
    };
    const network = (name: string, more: object) => ({
      conf: JSON.stringify({ cniVersion: "1.1.0", name, plugins: [plugin] }),
      source: "test",
      ...more,
    });
    const given = '{"portMappings":[{"hostPort":1,"containerPort":2}],"dns":{"servers":["10.0.0.10"]}}';
    const plan = core.plan({
      runtime,
      runtimeConfig: given,
      networks: [network("a", {}), network("b", { selection: asked })],
    });
    const result = '{"cniVersion":"1.1.0"}';
    const caches = plan.delegates.map((delegate) => core.remember({ delegate, result, runtime }));
    const essence = (delegates: Delegate[]) =>
      delegates.map(({ network, capabilityArgs, asked }) => ({ network, capabilityArgs, asked }));
    expect(essence(plan.delegates)).toEqual([
      { network: "a", capabilityArgs: given },
      {
        network: "b",
        capabilityArgs: expect.stringContaining('"hostPort":80,'),
        asked: `{"portMappings":${asked.portMappings},"bandwidth":${asked.bandwidth}}`,
      },
    ]);
    for (const files of [
      { scratch: plan.scratch, caches },
      { scratch: plan.scratch, caches: [] },
      { caches },
    ])
      for (const runtimeConfig of [undefined, given, '{"portMappings":[{"hostPort":3,"containerPort":4}]}']) {
        const { delegates } = core.recover({ runtime, ...files, runtimeConfig });
        expect(essence(delegates)).toEqual(essence(plan.delegates));
        for (const verb of ["CHECK", "DEL"] as const) {
          const conf = core.invoke({ delegate: delegates[1] as Delegate, verb, plugin: 0, runtime }).stdin;
          expect(JSON.parse(conf).runtimeConfig).toEqual({
            portMappings,
            bandwidth: JSON.parse(asked.bandwidth),
          });
        }
      }
    // Files of Multus, and of an older version, have them in the cache alone.
    const older = JSON.parse(plan.scratch).map(
      ({ capabilityArgs, portMappingsRequest, bandwidthRequest, ...rest }: Record<string, unknown>) => rest,
    );
    const { delegates } = core.recover({ runtime, scratch: JSON.stringify(older), caches });
    expect(delegates.map((one) => one.capabilityArgs)).toEqual(
      plan.delegates.map((one) => one.capabilityArgs),
    );
  });

  test("any cut of either file leaves what the other one has", () => {
    for (let length = 0; length < scratch.length; length += 7) {
      const torn = recover({ scratch: scratch.slice(0, length), caches });
      expect(torn.delegates.map(({ network }) => network).sort()).toEqual(["a", "b", "c"]);
      expect(torn.unusable).toHaveLength(1);
    }
    for (let length = 0; length < (caches[1]?.length ?? 0); length += 7) {
      const torn = recover({
        scratch,
        caches: caches.map((text, index) => (index === 1 ? text.slice(0, length) : text)),
      });
      expect(torn.delegates.map(essence)).toEqual(all);
    }
  });

  test("attachments that only the cache knows are added to those of the scratch file", () => {
    const two = JSON.stringify((JSON.parse(scratch) as unknown[]).slice(0, 2));
    expect(recover({ scratch: two, caches }).delegates.map(({ network }) => network)).toEqual([
      "a",
      "b",
      "c",
    ]);
  });

  test("a member that is null counts as absent", () => {
    const given = { runtime: { containerId: "c1", args: "", ifname: "eth0" }, caches };
    const withNulls = { ...given, scratch: null, runtimeConfig: null } as unknown as typeof given;
    expect(core.recover(withNulls)).toEqual(core.recover(given));
  });

  test("another container's cache files are left alone", () => {
    const other = (caches[0] ?? "").replace('"containerId":"c1"', '"containerId":"c2"');
    expect(recover({ caches: [other] }).delegates).toEqual([]);
  });

  test("of two calls for one container, each undoes its own", () => {
    const second = added(scratch, "eth7", ["", "if7", "if8"]);
    expect(JSON.parse(second.scratch)).toHaveLength(6);
    const both = [...caches, ...second.caches];
    const first = recover({ scratch: second.scratch, caches: both });
    expect(first.delegates.map(essence)).toEqual(all);
    expect(JSON.parse(first.rest ?? "")).toHaveLength(3);
    const rest = recover({
      scratch: first.rest ?? "",
      caches: second.caches,
      ifname: "eth7",
    });
    expect(rest.delegates.map(({ ifname }) => ifname)).toEqual(["eth7", "if7", "if8"]);
    expect(rest.rest).toBeUndefined();
  });

  test("hostile files are reported and used for nothing", () => {
    const evil = [
      { ...JSON.parse(caches[0] ?? ""), networkName: "../../x" },
      { ...JSON.parse(caches[0] ?? ""), ifName: "../../x" },
      { ...JSON.parse(caches[0] ?? ""), config: "!" },
      {
        ...JSON.parse(caches[0] ?? ""),
        config: Buffer.from('{"name":"a","type":"../sh"}').toString("base64"),
      },
      { ...JSON.parse(caches[0] ?? ""), kind: "other" },
    ].map((file) => JSON.stringify(file));
    const recovered = recover({ scratch: '[{"Bytes":"!"},{"Bytes":"e30="},7]', caches: evil });
    expect(recovered.delegates).toEqual([]);
    expect(recovered.unusable.map(({ cache }) => cache)).toEqual([
      0,
      1,
      2,
      4,
      undefined,
      undefined,
      undefined,
      3,
    ]);
  });
});
