// What ResourceClaims are told of their devices: the documents that are sent, and to whom.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { networkDataOf } from "../../launcher/attach/networkdata.ts";
import { systemClock } from "../../launcher/clock.ts";
import type { Cluster, NetworkData, Pod } from "../../launcher/cluster/cluster.ts";
import { FORBIDDEN } from "../../launcher/cluster/refusal.ts";
import { describeDevices } from "../../launcher/device/claims.ts";
import { Code, Fault } from "../../launcher/fault.ts";
import { ClaimOutbox } from "../../launcher/resident/outbox.ts";
import { FakeApiserver, say, status } from "./fake-apiserver.ts";
import { clusterAt } from "./fake-pod.ts";

const DEVICE = { driver: "nic.example", pool: "node1", device: "vf-0" };
const DATA = { interfaceName: "net1", ips: ["10.0.0.5/24"], hardwareAddress: "02:00:00:00:00:01" };
const LIMIT = { deadlineMs: Number.POSITIVE_INFINITY };

describe("a result says", () => {
  const result = (interfaces: object[], ips: object[] = []) =>
    JSON.stringify({ cniVersion: "1.0.0", interfaces, ips });
  const host = { name: "veth0", mac: "02:00:00:00:00:09" };
  const inside = { name: "net1", mac: "02:00:00:00:00:01", sandbox: "/n" };
  test.each<[string, string, NetworkData]>([
    [
      "the pod's interface, with its own addresses",
      result(
        [host, inside],
        [
          { address: "10.0.0.5/24", interface: 1 },
          { address: "10.9.9.9/24", interface: 0 },
        ],
      ),
      DATA,
    ],
    [
      "addresses of no interface, too",
      result([inside], [{ address: "fd00::5/64" }]),
      { ...DATA, ips: ["fd00::5/64"] },
    ],
    [
      "the last one in the pod, if none has the name that was asked for",
      result([{ ...inside, name: "other" }]),
      { interfaceName: "other", hardwareAddress: DATA.hardwareAddress },
    ],
    ["nothing for a device that is for user space", result([]), {}],
  ])("%s", (_, text, data) => expect(networkDataOf("net1", text)).toEqual(data));
});

describe("the request", () => {
  let server: FakeApiserver;
  let cluster: Cluster;
  beforeEach(async () => {
    server = await FakeApiserver.start();
    cluster = clusterAt(server.url);
  });
  afterEach(() => server.stop());

  const told = () => server.arrived.map(({ url }) => new URL(url, server.url));

  test("is a server-side apply to the claim's status, of this device alone, that does not force", async () => {
    server.next.push(say(200, {}));
    expect(await cluster.describeDevice("ns", "claim", DEVICE, DATA)).toBe(true);
    const [only] = server.arrived;
    expect(only).toMatchObject({ method: "PATCH" });
    expect(only?.headers["content-type"]).toBe("application/apply-patch+yaml");
    expect(told()[0]?.pathname).toBe("/apis/resource.k8s.io/v1/namespaces/ns/resourceclaims/claim/status");
    expect([...(told()[0]?.searchParams ?? [])]).toEqual([
      ["fieldManager", expect.stringMatching(/^plexus-[0-9a-f]{16}$/)],
    ]);
    expect(JSON.parse(only?.body ?? "")).toEqual({
      apiVersion: "resource.k8s.io/v1",
      kind: "ResourceClaim",
      metadata: { name: "claim", namespace: "ns" },
      status: { devices: [{ ...DEVICE, networkData: DATA }] },
    });
  });

  test("has a field manager for each device, always the same", async () => {
    for (const device of ["vf-0", "vf-1", "vf-0"]) {
      server.next.push(say(200, {}));
      await cluster.describeDevice("ns", "claim", { ...DEVICE, device }, DATA);
    }
    const [first, second, third] = told().map(({ searchParams }) => searchParams.get("fieldManager"));
    expect(first).toBe(third);
    expect(first).not.toBe(second);
  });

  test("has no more addresses than the API takes", async () => {
    server.next.push(say(200, {}));
    const ips = Array.from({ length: 20 }, (_, index) => `10.0.0.${index}/24`);
    await cluster.describeDevice("ns", "claim", DEVICE, { ips });
    expect(JSON.parse(server.arrived[0]?.body ?? "").status.devices[0].networkData.ips).toHaveLength(16);
  });

  test("that the driver's own words conflict with changes nothing; so does one of a claim, or an API, that is not there", async () => {
    server.next.push(status(409, { reason: "Conflict" }), status(404, { reason: "NotFound" }));
    expect(await cluster.describeDevice("ns", "claim", DEVICE, DATA)).toBe(false);
    expect(await cluster.describeDevice("ns", "claim", DEVICE, DATA)).toBe(false);
  });

  test("that is forbidden is told as such", async () => {
    server.next.push(status(403, { message: "cannot patch resourceclaims/status" }));
    const refused = cluster.describeDevice("ns", "claim", DEVICE, DATA);
    await expect(refused).rejects.toMatchObject({ cause: FORBIDDEN });
  });
});

const POD: Pod = {
  namespace: "ns",
  name: "p",
  uid: "u",
  annotations: {},
  resourceClaims: new Map([["nics", "claim"]]),
  nodeName: "node1",
};
const attribute = (id: string) => ({
  "k8s.cni.cncf.io/deviceID": id,
  "k8s.cni.cncf.io/resourceName": "vendor/vf",
});

/** A cluster whose claim has devices vf-0 and vf-1; what it is told. */
function fakeCluster(describeDevice?: Cluster["describeDevice"]) {
  const told: unknown[] = [];
  const cluster = {
    claim: async (_namespace: string, name: string) =>
      name === "claim" ? ["vf-0", "vf-1"].map((device) => ({ ...DEVICE, device, request: "r" })) : [],
    published: async () =>
      ["vf-0", "vf-1"].map((device, index) => ({
        pool: "node1",
        generation: 1,
        device,
        attributes: attribute(`0000:01:00.${index}`),
      })),
    describeDevice:
      describeDevice ??
      (async (namespace: string, claim: string, { device }: typeof DEVICE, data: NetworkData) => {
        told.push([namespace, claim, device, data]);
        return true;
      }),
  } as unknown as Cluster;
  return { cluster, told };
}

test("a device is found by its ID and its resource; one of a device plugin is none of a claim's", async () => {
  const { cluster, told } = fakeCluster();
  const devices = [
    { deviceId: "0000:01:00.1", resourceName: "vendor/vf", data: DATA },
    { deviceId: "0000:01:00.0", resourceName: "vendor/other", data: DATA },
    { deviceId: "0000:09:00.0", resourceName: "vendor/vf", data: DATA },
  ];
  await describeDevices(cluster, POD, devices, LIMIT);
  expect(told).toEqual([["ns", "claim", "vf-1", DATA]]);
});

test("that it is forbidden is told of once, and counted", async () => {
  const forbidden = new Fault(Code.invalidNetworkConfig, "answered 403", undefined, FORBIDDEN);
  const { cluster } = fakeCluster(() => Promise.reject(forbidden));
  const warnings: string[] = [];
  const outbox = new ClaimOutbox(systemClock, (message) => warnings.push(message));
  for (let count = 0; count < 3; count++)
    outbox.put(cluster, POD, [{ deviceId: "0000:01:00.0", resourceName: "vendor/vf", data: DATA }]);
  await outbox.empty();
  expect(outbox.fates).toEqual({ sent: 0, failed: 3, dropped: 0 });
  expect(warnings).toEqual([
    expect.stringMatching(/^ResourceClaims do not say what their devices are.*answered 403/),
  ]);
});

test("a claim that cannot be described is a failure of what is told, and of nothing else, although another one is asked for meanwhile", async () => {
  const { cluster } = fakeCluster(() => Promise.reject(new Fault(Code.ioFailure, "answered 500")));
  let others = 0;
  const slow: Cluster = {
    ...cluster,
    claim: async (namespace, name, limit) => {
      if (name === "claim") return cluster.claim(namespace, name, limit);
      await new Promise((resolve) => setTimeout(resolve, 20));
      others++;
      throw new Fault(Code.ioFailure, "there is no answer");
    },
  };
  const pod = {
    ...POD,
    resourceClaims: new Map([
      ["nics", "claim"],
      ["others", "other"],
    ]),
  };
  const devices = [{ deviceId: "0000:01:00.0", resourceName: "vendor/vf", data: DATA }];
  await expect(describeDevices(slow, pod, devices, LIMIT)).rejects.toThrow("answered 500");
  expect(others).toBe(1);
});
