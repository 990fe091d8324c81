// Who has which network: pods' annotations and events as an API server lists them, and what is printed of them.
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, expect, test } from "vitest";
import { dotOfPods } from "../../launcher/cli/pods/dot.ts";
import { gather, type Question } from "../../launcher/cli/pods/gather.ts";
import { jsonOf, tablesOf } from "../../launcher/cli/pods/print.ts";
import { accessBy } from "../../launcher/cluster/open.ts";
import { Transport } from "../../launcher/cluster/transport.ts";
import { eth0, FEW, FEW_EVENTS, fakePod, HOSTILE, MANY, secondary } from "./fake-networks.ts";

type Answer = (url: URL) => { status?: number; body: object };
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Asks a server that gives each request an answer. */
async function asking(answer: Answer, question: Partial<Question> = {}) {
  const urls: URL[] = [];
  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://fake");
    urls.push(url);
    const { status = 200, body } = answer(url);
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  const { port } = server.address() as AddressInfo;
  const api = await Transport.open(
    accessBy(
      async () => ({
        ...{ source: "kubeconfig /k", server: new URL(`http://127.0.0.1:${port}`), ca: undefined },
        ...{ clientCertificate: undefined, insecure: false, serverName: undefined, proxy: undefined },
        headers: {},
        authorization: () => undefined,
      }),
      {},
    ),
  );
  const whole = { namespace: "default", node: "", selector: "", network: "", ...question };
  return { gathered: await gather(api, whole), urls };
}

const list = (items: object[], metadata: object = {}) => ({
  body: { kind: "List", metadata: { resourceVersion: "1", ...metadata }, items },
});
const serving =
  (pods: object[], events: object[] = []): Answer =>
  ({ pathname }) =>
    list(pathname.endsWith("/events") ? events : pods);
const refused = (status: number, message: string, more: object = {}) => ({
  status,
  body: { kind: "Status", status: "Failure", message, ...more },
});

const COLUMNS = { withNamespace: false, isWide: false };

test("a line says who has which interface, network, address, MAC and VF; below is what has failed, and what is missing", async () => {
  const { gathered } = await asking(serving(FEW, FEW_EVENTS));
  expect(tablesOf(gathered, COLUMNS)).toBe(`\
POD         INTERFACE  NETWORK          ADDRESSES     MAC                DEVICE
database-0  eth0       podnet           10.244.0.5    0a:58:0a:f4:00:05  -
database-0  net1       default/storage  10.10.0.5     02:42:0a:01:00:05  -
database-0  net2       default/fast     192.168.2.5   02:42:0a:02:00:05  0000:3b:02.1
web-6d5f    eth0       podnet           10.244.0.6    0a:58:0a:f4:00:06  -
web-6d5f    net1       default/storage  10.10.0.6     02:42:0a:01:00:06  -
worker-0    -          default/fast     not attached  -                  -
worker-0    -          default/storag   not attached  -                  -

What has failed, the last at the end:
POD               LAST                  TIMES  REASON          MESSAGE
default/worker-0  2026-01-02T03:04:05Z  3      NoNetworkFound  pod default/worker-0: there is no NetworkAttachmentDefinition default/storag; create it, or correct the annotation`);
  expect(gathered.remarks).toEqual([]);
});

test("wide has the node, the default network, MTU, and what else is known of a device", async () => {
  const { gathered } = await asking(serving(FEW));
  const lines = tablesOf(gathered, { withNamespace: true, isWide: true }).split("\n");
  expect(lines[0]).toMatch(/^NAMESPACE +POD .* DEVICE +NODE +GATEWAYS +MTU +DEFAULT +MORE$/);
  expect(lines[1]).toMatch(/worker-1 +- +- +yes +-$/);
  expect(lines[3]).toMatch(/0000:3b:02\.1 +worker-1 +- +9000 +- +pf-pci-address=0000:3b:00\.0$/);
});

test("a namespace, a node and labels are asked of the server, which leaves out what has ended", async () => {
  const { urls } = await asking(serving(MANY), {
    namespace: "",
    node: "worker-1",
    selector: "app in (a, b)",
  });
  expect(urls.map(({ pathname }) => pathname)).toEqual(["/api/v1/pods", "/api/v1/events"]);
  expect(urls[0]?.searchParams.get("fieldSelector")).toBe(
    "status.phase!=Succeeded,status.phase!=Failed,spec.nodeName=worker-1",
  );
  expect(urls[0]?.searchParams.get("labelSelector")).toBe("app in (a, b)");
});

test.each(["storage", "shop/storage"])("of network %s there is nothing else", async (network) => {
  const { gathered } = await asking(serving(MANY), { network });
  expect(gathered.pods).toHaveLength(20);
  expect(new Set(gathered.pods.flatMap(({ interfaces }) => interfaces.map((one) => one.network)))).toEqual(
    new Set(["shop/storage"]),
  );
});

test("all pages are read, also when the server has forgotten the moment of the first one, which is told", async () => {
  const { gathered, urls } = await asking(({ pathname, searchParams }) => {
    if (pathname.endsWith("/events")) return list([]);
    const next = searchParams.get("continue");
    if (next === null) return list(MANY.slice(0, 10), { continue: "old=" });
    if (next === "old=")
      return refused(410, "too old", { reason: "Expired", metadata: { continue: "new=" } });
    return list(MANY.slice(10));
  });
  expect(gathered.pods).toHaveLength(40);
  expect(gathered.remarks).toEqual([
    "pods have changed while they were listed: the list is not of one moment",
  ]);
  expect(urls[0]?.searchParams.get("limit")).toBe("500");
});

test("who may not read events is told so, and gets the rest", async () => {
  const { gathered } = await asking(({ pathname }) =>
    pathname.endsWith("/events") ? refused(403, "events is forbidden") : list(FEW),
  );
  expect(gathered.pods).toHaveLength(3);
  expect(gathered.remarks).toEqual([
    expect.stringMatching(
      /^failures are not shown, as events cannot be read: .*events is forbidden; give the user/,
    ),
  ]);
});

test("who may not list pods is told which right is missing", async () => {
  await expect(asking(() => refused(403, "pods is forbidden"))).rejects.toThrow(
    /pods is forbidden; give the user of kubeconfig \/k an RBAC role/,
  );
});

test.each([
  ["{", "its network-status is not JSON"],
  ['{"a":1}', "its network-status is not a list"],
  ['[1, {"name":"podnet","interface":"eth0"}]', "its network-status has elements that are not objects"],
  [
    JSON.stringify(Array(200).fill({ name: "x" })),
    "its network-status has 200 elements, of which the first 128 are shown",
  ],
])("one pod's network-status %.20j is a remark, and the others are shown", async (status, remark) => {
  const { gathered } = await asking(serving([fakePod({ name: "broken", status }), ...FEW]));
  expect(gathered.remarks).toEqual([`pod default/broken: ${remark}`]);
  expect(tablesOf(gathered, COLUMNS)).toContain("database-0");
});

test("a status of other types than the specification's is shown as far as it can be", async () => {
  const status = [
    { name: 7, interface: null, ips: "10.0.0.1", mac: {}, mtu: "x", "device-info": { type: "pci", pci: 1 } },
  ];
  const { gathered } = await asking(serving([fakePod({ name: "odd", status })]));
  expect(tablesOf(gathered, { ...COLUMNS, isWide: true }).split("\n")[1]).toMatch(
    /^odd +- +- +- +- +pci +worker-1/,
  );
});

test("a pod that runs with its networks has no failure of before; a request that reached no plugin is still shown", async () => {
  const event = (reason: string, message: string) => ({
    ...FEW_EVENTS[0],
    ...{
      reason,
      message,
      involvedObject: { namespace: "default", name: "web-6d5f", uid: "uid-default-web-6d5f" },
    },
  });
  const events = [
    event("FailedToAttachNetworks", "gone"),
    event("CapabilityNotClaimed", "mac: no plugin takes it"),
  ];
  const { gathered } = await asking(serving(FEW, events));
  expect(gathered.failures.map(({ message }) => message)).toEqual(["mac: no plugin takes it"]);
});

test("what the kubelet repeats is told once; of another plugin's error it is said what to do", async () => {
  const involvedObject = { namespace: "default", name: "worker-0", uid: "uid-default-worker-0" };
  const sandbox = {
    ...{
      type: "Warning",
      reason: "FailedCreatePodSandBox",
      source: { component: "kubelet" },
      involvedObject,
    },
    message:
      'plugin type="bridge" failed (add): cni: no IP addresses available in range set: 10.0.0.1-10.0.0.9',
    lastTimestamp: "2026-01-02T03:04:06Z",
  };
  const image = { ...sandbox, reason: "Failed", message: "image cannot be pulled" };
  const both = (await asking(serving(FEW, [...FEW_EVENTS, sandbox, image]))).gathered.failures;
  expect(both.map(({ reason }) => reason)).toEqual(["NoNetworkFound"]);
  const alone = (await asking(serving(FEW, [sandbox, image]))).gathered.failures;
  expect(alone).toMatchObject([
    { reason: "FailedCreatePodSandBox", hint: expect.stringContaining("plexus doctor") },
  ]);
});

test.each(HOSTILE)("%j in a status moves no cursor and ends no string", async (text) => {
  const device = { type: "pci", pci: { "pci-address": text, [text]: text } };
  const status = [
    { name: text, interface: text, ips: [text], mac: text, gateway: [text], "device-info": device },
  ];
  const pods = [fakePod({ name: "hostile", status }), fakePod({ name: "broken", networks: text })];
  const event = {
    ...FEW_EVENTS[0],
    message: text,
    involvedObject: { name: "hostile", uid: "uid-default-hostile" },
  };
  const { gathered } = await asking(serving(pods, [{ ...event, reason: "NoNetworkFound" }]));
  const [table, json, dot] = [
    tablesOf(gathered, { withNamespace: true, isWide: true }),
    jsonOf(gathered),
    dotOfPods(gathered.pods),
  ];
  for (const printed of [table, json, dot])
    expect(printed.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cs}\u2028-\u202e\u2066-\u2069]/u);
  expect(JSON.parse(json).pods[0].interfaces[0].interface).toBe(text.toWellFormed());
  expect(table.split("\n")[0]).toMatch(/^NAMESPACE/);
  // Without its strings, what is left of a graph is the same whatever the names are.
  const bare = (printed: string) => printed.replaceAll(/"(?:[^"\\]|\\.)*"/g, "S");
  const plain = [
    {
      ...gathered.pods[0],
      interfaces: gathered.pods[0]?.interfaces.map((one) => ({ ...one, network: "n" })),
    },
  ];
  expect(bare(dot).split("\n")).toEqual(
    expect.arrayContaining(
      bare(dotOfPods(plain as never))
        .split("\n")
        .slice(0, 5),
    ),
  );
});

test("of a large cluster no more is in memory than what is shown of it", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const heap = () => {
    collect();
    return process.memoryUsage().heapUsed / 1e6;
  };
  const spec = { nodeName: "n", containers: [{ name: "c", image: "x".repeat(20_000) }] };
  const before = heap();
  let [page, most] = [0, 0];
  const { gathered } = await asking(({ pathname }) => {
    if (pathname.endsWith("/events")) return list([]);
    most = Math.max(most, heap() - before);
    const pods = Array.from({ length: 250 }, (_, index) => ({
      ...fakePod({ name: `p-${page}-${index}`, status: [eth0(1), secondary("default/a", 1, "10.0.0.1", 1)] }),
      spec,
    }));
    page++;
    return list(pods, page < 20 ? { continue: `${page}` } : {});
  });
  expect(gathered.pods).toHaveLength(5_000); // 100 MB of JSON
  expect(most).toBeLessThan(40);
});
