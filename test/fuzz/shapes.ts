// The documents that cost an operation most: each multiplies something with something else, or makes the core look for
// something among many. The table in docs/core.md is made of them.
import { runFresh } from "../support/wasm.ts";
import { lintShapes } from "./lint-shapes.ts";
import { conf, json, list, object, type Shape } from "./shape.ts";

const runtime = { containerId: "c1", ifname: "eth0", args: "" };
const container = { containerId: "c1", netns: "/n" };
/** A JSON object of `count` members with the same key, which no JSON library writes. */
const repeated = (count: number, member: string) => `{${list(count, () => member).join(",")}}`;
const network = (more: object, rest: object = {}) => ({
  conf: json({ ...conf, ...more }),
  source: "s",
  ...rest,
});

const planned = runFresh(
  "plan",
  new TextEncoder().encode(
    json({ runtime, networks: [{ conf: json({ ...conf, capabilities: { mac: true } }), source: "s" }] }),
  ),
);
const [delegate] = (JSON.parse(planned.text) as { delegates: object[] }).delegates;
const withDelegate = (more: object) => ({ ...delegate, ...more });
const cacheOf = (network: string, ifname: string, more: object = {}) =>
  json({
    kind: "cniCacheV1",
    containerId: "c1",
    config: Buffer.from(json({ ...conf, name: network })).toString("base64"),
    networkName: network,
    ifName: ifname,
    result: { cniVersion: "1.0.0" },
    ...more,
  });
const scratchOf = (count: number, name: (index: number) => string) =>
  json(
    list(count, (i) => ({
      Bytes: Buffer.from(json({ ...conf, name: name(i) })).toString("base64"),
      ifName: `net${i}`,
    })),
  );
const status = (result: object, more: object = {}) => ({
  attachments: [{ delegate: withDelegate({}), result: json({ cniVersion: "1.0.0", ...result }), ...more }],
});

const coreShapes: Shape[] = [
  { name: "numbers in a list", operation: "json", of: (n) => `[${"1,".repeat(n / 2)}1]` },
  {
    name: "a conf of many keys",
    operation: "netconf",
    of: (n) => ({ ...conf, delegates: [conf], ...object(n / 12, (i) => `k${i}`) }),
  },
  {
    name: "a conf of many escaped keys",
    operation: "netconf",
    of: (n) => repeated(n / 24, '"n\\u0061m\\u0065s":[1]'),
  },
  {
    name: "a string of escapes",
    operation: "describe",
    of: (n) => ({ conf: json({ ...conf, text: "\b".repeat(n / 7) }), source: "s" }),
  },
  {
    name: "names with commas",
    operation: "selection",
    of: (n) => {
      const count = Math.min(n / 2, 10_000);
      return {
        annotation: list(count, () => `a${" ".repeat(n / count - 2)}`).join(","),
        maxNetworks: 10_000,
      };
    },
  },
  {
    name: "elements of few bytes",
    operation: "selection",
    of: (n) => ({
      annotation: json(list(Math.min(n / 20, 10_000), () => ({ name: "a", x: list(n / 400_000, () => 1) }))),
      maxNetworks: 10_000,
    }),
  },
  {
    name: "port mappings",
    operation: "selection",
    of: (n) => ({
      annotation: json(
        list(Math.ceil(n / 800_000), () => ({
          name: "a",
          portMappings: list(Math.min(n / 62, 9000), (i) => ({ hostPort: 1 + i, containerPort: 1 })),
        })),
      ),
    }),
  },
  {
    name: "`args.cni` x `cni-args`",
    operation: "plan",
    of: (n) => ({
      runtime,
      networks: [
        network(
          { args: { cni: object(n / 40, (i) => `k${i}`) } },
          {
            selection: {
              cniArgs: json(
                object(
                  n / 40,
                  (i) => `k${i * 2}`,
                  () => 2,
                ),
              ),
            },
          },
        ),
      ],
    }),
  },
  {
    name: "plugins of a chain x `cni-args`",
    operation: "plan",
    of: (n) => ({
      runtime,
      networks: [
        {
          conf: json({ cniVersion: "1.0.0", name: "n", plugins: list(100, () => ({ type: "x" })) }),
          source: "s",
          selection: { cniArgs: json(object(n / 20, (i) => `k${i}`)) },
        },
      ],
    }),
  },
  {
    name: "one key again and again x a large value",
    operation: "plan",
    of: (n) => ({
      runtime,
      networks: [
        {
          conf: `{"name":"n","type":"x","args":{"cni":${repeated(n / 20, '"k":1')}}}`,
          source: "s",
          selection: { cniArgs: json({ k: "x".repeat(n / 2) }) },
        },
      ],
    }),
  },
  {
    name: "networks x names",
    operation: "plan",
    of: (n) => ({ runtime, networks: list(Math.min(n / 90, 10_000), () => network({})) }),
  },
  {
    name: "networks x CNI_ARGS",
    operation: "plan",
    of: (n) => ({
      runtime: { ...runtime, args: list(Math.min(n / 16, 15_000), (i) => `K${i}=v`).join(";") },
      networks: list(Math.min(n / 180, 10_000), () => network({})),
    }),
  },
  {
    name: "networks x `runtimeConfig`",
    operation: "plan",
    of: (n) => ({
      runtime,
      runtimeConfig: json(object(n / 24, (i) => `k${i}`)),
      networks: list(Math.min(n / 180, 10_000), () => network({})),
    }),
  },
  {
    name: "networks x what `runtimeConfig` does not ask for",
    operation: "plan",
    of: (n) => ({
      runtime,
      runtimeConfig: json(
        object(
          n / 30,
          (i) => `k${i}`,
          () => null,
        ),
      ),
      networks: list(Math.min(n / 180, 10_000), () => network({})),
    }),
  },
  {
    name: "CNI_ARGS of one key",
    operation: "plan",
    of: (n) => ({
      runtime: { ...runtime, args: "A=1;".repeat(Math.min(n / 4, 32_000)) },
      networks: list(Math.max(1, n / 8000), () => network({})),
    }),
  },
  {
    name: "capabilities x capability arguments",
    operation: "invoke",
    of: (n) => ({
      verb: "ADD",
      plugin: 0,
      delegate: withDelegate({
        conf: json({
          ...conf,
          capabilities: object(
            n / 50,
            (i) => `k${i}`,
            () => true,
          ),
        }),
        capabilityArgs: json(object(n / 50, (i) => `k${i * 2}`)),
      }),
      runtime: container,
    }),
  },
  {
    name: "one key again and again x `prevResult`",
    operation: "invoke",
    of: (n) => ({
      verb: "ADD",
      plugin: 0,
      delegate: withDelegate({
        conf: `{"name":"n","type":"x",${list(n / 40, () => '"prevResult":1').join(",")}}`,
      }),
      runtime: container,
      prevResult: json({ cniVersion: "0.1.0", x: "x".repeat(n / 2) }),
    }),
  },
  {
    name: "an error's text",
    operation: "outcome",
    of: (n) => ({
      plugin: "p",
      cniVersion: "1.0.0",
      exitCode: 1,
      stdout: json({ code: 7, msg: "\b".repeat(n / 14) }),
      stderr: "",
      expectsResult: true,
    }),
  },
  {
    name: "a result as a cache file",
    operation: "remember",
    of: (n) => ({
      delegate: withDelegate({}),
      result: json({ cniVersion: "1.0.0", x: list(n / 6, () => 1) }),
      runtime: container,
    }),
  },
  {
    name: "cache files x scratch entries",
    operation: "recover",
    of: (n) => ({
      runtime,
      scratch: scratchOf(n / 250, () => "n"),
      caches: list(n / 500, (i) => cacheOf("n", `net${i * 2}`)),
    }),
  },
  {
    name: "one cache file x scratch entries",
    operation: "recover",
    of: (n) => ({
      runtime,
      scratch: json(
        list(n / 200, () => ({ Bytes: Buffer.from(json(conf)).toString("base64"), ifName: "net1" })),
      ),
      caches: [cacheOf("n", "net1", { result: { cniVersion: "1.0.0", x: "x".repeat(n / 2) } })],
    }),
  },
  {
    name: "addresses to an older version",
    operation: "convert",
    of: (n) => ({
      result: json({ cniVersion: "1.0.0", ips: list(n / 30, () => ({ address: "10.0.0.1/8" })) }),
      cniVersion: "0.4.0",
    }),
  },
  {
    name: "interfaces x addresses",
    operation: "status",
    of: (n) =>
      status({
        interfaces: list(n / 80, (i) => ({ name: `i${i}`, sandbox: "/n" })),
        ips: list(n / 100, (i) => ({ address: "10.0.0.1/8", interface: i })),
      }),
  },
  {
    name: "interfaces x routes and DNS",
    operation: "status",
    of: (n) =>
      status({
        interfaces: list(250, (i) => ({ name: `i${i}`, sandbox: "/n" })),
        routes: list(Math.min(n / 100, 4000), () => ({ dst: "0.0.0.0/0", gw: "10.0.0.1" })),
        dns: { search: ["x".repeat(n / 2)] },
      }),
  },
  {
    name: "interfaces x device-info",
    operation: "status",
    of: (n) =>
      status(
        { interfaces: list(250, (i) => ({ name: `i${i}`, sandbox: "/n" })) },
        { deviceInfo: json({ x: "x".repeat(n) }) },
      ),
  },
  {
    name: "routes that change",
    operation: "status",
    of: (n) => ({
      attachments: list(n / 3000, () => ({
        delegate: withDelegate({ gateways: ["10.0.0.1"] }),
        result: json({
          cniVersion: "1.0.0",
          interfaces: [{ name: "i", sandbox: "/n" }],
          routes: list(40, () => ({ dst: "10.0.0.0/0" })),
        }),
      })),
    }),
  },
];

export const shapes: readonly Shape[] = [...coreShapes, ...lintShapes];

/** Makes the document of a shape, of at most so many bytes (24,000 or more), as a host puts it into memory. */
export function documentOf({ of }: Shape, bytes: number): Uint8Array {
  for (let wanted = bytes; ; ) {
    const document = of(wanted);
    const text = new TextEncoder().encode(typeof document === "string" ? document : json(document));
    if (text.length <= bytes) return text;
    wanted *= Math.min(0.99, (0.99 * bytes) / text.length);
    if (wanted < 1) throw new Error(`no document of this shape has at most ${bytes} bytes`);
  }
}
