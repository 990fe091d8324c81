import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { AllocatedDevice, Cluster, Pod, PublishedDevice } from "../../launcher/cluster/cluster.ts";
import { RESOURCE, withDevices } from "../../launcher/device/allocation.ts";
import { Code, Fault } from "../../launcher/fault.ts";
import { type Host, LeftToNode } from "../../launcher/host/host.ts";
import { localHost } from "../../launcher/host/local.ts";
import { type FakeKubelet, type ListedPod, startKubelet } from "./fake-kubelet.ts";

const UID = "6704b9d1-8d9f-4c2b-a2f4-3e0a2c6a6d0e";
const POD: Pod = {
  namespace: "apps",
  name: "web",
  uid: UID,
  annotations: {},
  resourceClaims: new Map(),
  nodeName: "node1",
};

let dir: string;
let kubelet: FakeKubelet | undefined;
let logged: string[];
let errors: string[];
const log = {
  write: (level: string, message: string) =>
    (level === "error" ? errors : []).push(message) + logged.push(message) > 0,
};

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "plexus-device-"));
  logged = [];
  errors = [];
});

afterEach(() => {
  kubelet?.close();
  kubelet = undefined;
  rmSync(dir, { recursive: true });
});

function places(limitMs = 5_000) {
  return { socket: join(dir, "kubelet.sock"), checkpoint: join(dir, "checkpoint"), limitMs };
}

async function serve(pods: ListedPod[], how = {}): Promise<void> {
  kubelet = await startKubelet(places().socket, pods, how);
}

function withContainers(...containers: Omit<ListedPod["containers"][number], "name">[]): ListedPod {
  return { name: "web", namespace: "apps", containers: containers.map((one) => ({ name: "c", ...one })) };
}

function networks(...resourceNames: (string | undefined)[]) {
  return resourceNames.map((resourceName, index) => ({
    conf: "{}",
    source: `network ${index}`,
    ...(resourceName === undefined ? {} : { [RESOURCE]: resourceName }),
  }));
}

/** The device IDs that networks of these resources get, in order. */
async function handedOut(
  resourceNames: (string | undefined)[],
  { pod = POD, cluster, timeout }: { pod?: Pod; cluster?: Cluster; timeout?: number } = {},
) {
  const ports = { host: localHost, cluster, log };
  const attached = await withDevices(networks(...resourceNames), pod, ports, places(timeout));
  return attached.map(({ device }) => device?.id);
}

async function refused(attempt: Promise<unknown>): Promise<Fault> {
  const error = await attempt.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (error instanceof Fault) return error;
  throw new Error(`expected a Fault, and got ${error}`);
}

describe("handing out devices", () => {
  test("networks of one resource get its devices in the order of their IDs, whatever is between them", async () => {
    const devices = (...device_ids: string[]) => [{ resource_name: "vendor.com/vf", device_ids }];
    await serve([withContainers({ devices: devices("0000:03:02.3", "0000:03:02.1") })]);
    expect(await handedOut(["vendor.com/vf", undefined, "vendor.com/vf"])).toEqual([
      "0000:03:02.1",
      undefined,
      "0000:03:02.3",
    ]);
  });

  test("each network knows the resource its device is from", async () => {
    await serve([withContainers({ devices: [{ resource_name: "vendor.com/vf", device_ids: ["a"] }] })]);
    const [network] = await withDevices(networks("vendor.com/vf"), POD, { host: localHost, log }, places());
    expect(network?.device).toEqual({ id: "a", resourceName: "vendor.com/vf" });
  });

  test("resources are counted apart, and all containers of the pod together", async () => {
    await serve([
      withContainers(
        { devices: [{ resource_name: "vendor.com/vf", device_ids: ["vf2"] }] },
        {
          devices: [
            { resource_name: "vendor.com/gpu", device_ids: ["gpu1"] },
            { resource_name: "vendor.com/vf", device_ids: ["vf1"], topology: { nodes: [{ ID: 1 }] } },
          ],
        },
      ),
    ]);
    expect(await handedOut(["vendor.com/vf", "vendor.com/gpu", "vendor.com/vf"])).toEqual([
      "vf1",
      "gpu1",
      "vf2",
    ]);
  });

  test("a network for which no device is left is attached without one, and the log says so", async () => {
    await serve([withContainers({ devices: [{ resource_name: "vendor.com/vf", device_ids: ["vf1"] }] })]);
    expect(await handedOut(["vendor.com/vf", "vendor.com/vf", "vendor.com/other"])).toEqual([
      "vf1",
      undefined,
      undefined,
    ]);
    expect(logged.join("\n")).toContain(
      "network network 1 gets no device: pod apps/web has none of vendor.com/vf left",
    );
    expect(logged.join("\n")).toContain(
      "network network 2 gets no device: pod apps/web has none of vendor.com/other left",
    );
  });

  test("a pod whose networks name no resource needs no kubelet", async () => {
    expect(await handedOut([undefined, undefined])).toEqual([undefined, undefined]);
  });
});

describe("the kubelet's pod-resources API", () => {
  test("pods of the same name in another namespace, and other pods, do not count", async () => {
    const containers = (id: string) => [
      { name: "c", devices: [{ resource_name: "vendor.com/vf", device_ids: [id] }] },
    ];
    await serve([
      { name: "web", namespace: "other", containers: containers("a") },
      { name: "web2", namespace: "apps", containers: containers("b") },
      { name: "web", namespace: "apps", containers: containers("c") },
    ]);
    expect(await handedOut(["vendor.com/vf", "vendor.com/vf"])).toEqual(["c", undefined]);
  });

  test("an answer larger than gRPC's own limit of 4 MiB is read", async () => {
    const many = Array.from({ length: 90_000 }, (_, index) => ({
      name: `a-pod-with-a-name-of-some-length-${index}`,
      namespace: "crowded",
      containers: [{ name: "c", cpu_ids: [1, 2, 3] }],
    }));
    await serve([
      ...many,
      withContainers({ devices: [{ resource_name: "vendor.com/vf", device_ids: ["a"] }] }),
    ]);
    expect(await handedOut(["vendor.com/vf"])).toEqual(["a"]);
  });

  test("an answer larger than 16 MiB is refused, in words", async () => {
    await serve([{ name: "x".repeat(17 << 20), namespace: "huge", containers: [] }]);
    const fault = await refused(handedOut(["vendor.com/vf"]));
    expect(fault.code).toBe(Code.tryAgainLater);
    expect(fault.message).toMatch(/devices of pod apps\/web .*message larger than max/);
  });

  test("a kubelet that has too much to do is asked again", async () => {
    await serve([withContainers({ devices: [{ resource_name: "vendor.com/vf", device_ids: ["a"] }] })], {
      refusals: 3,
    });
    expect(await handedOut(["vendor.com/vf"])).toEqual(["a"]);
    expect(kubelet?.calls()).toBe(4);
  });

  test("a kubelet that always has too much to do is given up when the time is over", async () => {
    await serve([], { refusals: Number.POSITIVE_INFINITY });
    const fault = await refused(handedOut(["vendor.com/vf"], { timeout: 300 }));
    expect(fault.code).toBe(Code.tryAgainLater);
    expect(fault.message).toMatch(/rejected by rate limit|Deadline/); // the last one may be cut short
    expect(kubelet?.calls()).toBeGreaterThan(1);
  });

  test("a kubelet that does not answer is given up when the time is over", async () => {
    await serve([], { mute: true });
    const fault = await refused(handedOut(["vendor.com/vf"], { timeout: 300 }));
    expect(fault.code).toBe(Code.tryAgainLater);
    expect(fault.message).toMatch(/kubelet\.sock within 0.3 s: .*[Dd]eadline/);
  });

  test("a kubelet that is just being restarted is waited for", async () => {
    writeFileSync(places().socket, ""); // what is there until it listens again
    const asked = handedOut(["vendor.com/vf"]);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await serve([withContainers({ devices: [{ resource_name: "vendor.com/vf", device_ids: ["a"] }] })]);
    expect(await asked).toEqual(["a"]);
  });

  test("something on the socket that does not speak gRPC is a Fault, not a crash", async () => {
    const server = createServer((connection) => connection.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await new Promise<void>((resolve) => server.listen(places().socket, resolve));
    const fault = await refused(handedOut(["vendor.com/vf"], { timeout: 500 }));
    server.close();
    expect(fault.code).toBe(Code.tryAgainLater);
  });
});

describe("the kubelet's checkpoint", () => {
  const remember = (entries: unknown) =>
    writeFileSync(
      places().checkpoint,
      JSON.stringify({
        Data: { PodDeviceEntries: entries, RegisteredDevices: { "vendor.com/vf": ["a", "b", "c"] } },
        Checksum: 3945127693,
      }),
    );
  const entry = (DeviceIDs: unknown, more = {}) => ({
    PodUID: UID,
    ContainerName: "c",
    ResourceName: "vendor.com/vf",
    DeviceIDs,
    AllocResp: "CgA=",
    ...more,
  });

  test("it is used where there is no socket, with the devices of every NUMA node", async () => {
    remember([entry({ "1": ["c"], "-1": ["b"], "0": null }), entry({ "0": ["a"] }, { ContainerName: "d" })]);
    expect(await handedOut(["vendor.com/vf", "vendor.com/vf", "vendor.com/vf"])).toEqual(["a", "b", "c"]);
  });

  test("it is read as kubelets before 1.20 write it, too", async () => {
    remember([entry(["b", "a"]), entry(null), entry(["g"], { ResourceName: "vendor.com/gpu" })]);
    expect(await handedOut(["vendor.com/vf", "vendor.com/gpu"])).toEqual(["a", "g"]);
  });

  test("entries of other pods do not count, and a node may have given out nothing at all", async () => {
    remember([entry({ "0": ["a"] }, { PodUID: "another" })]);
    expect(await handedOut(["vendor.com/vf"])).toEqual([undefined]);
    remember(null);
    expect(await handedOut(["vendor.com/vf"])).toEqual([undefined]);
  });

  test("it is left alone where there is a socket", async () => {
    remember([entry({ "0": ["from the file"] })]);
    await serve([
      withContainers({ devices: [{ resource_name: "vendor.com/vf", device_ids: ["from the API"] }] }),
    ]);
    expect(await handedOut(["vendor.com/vf"])).toEqual(["from the API"]);
  });

  test.each([
    ["torn", '{"Data":{"PodDeviceEntries":[{"PodUID":"67', "not whole"],
    ["empty", "", "not whole"],
    ["of another kind", '{"policyName":"none"}', "no `Data`"],
    ["null", "null", "no `Data`"],
    ["odd in its list", '{"Data":{"PodDeviceEntries":{}}}', "is not a list"],
    ["odd in an entry", '{"Data":{"PodDeviceEntries":[{"PodUID":1}]}}', "not as the kubelet writes it"],
    [
      "odd in its IDs",
      '{"Data":{"PodDeviceEntries":[{"PodUID":"a","ResourceName":"b","DeviceIDs":{"0":"c"}}]}}',
      "not as the kubelet writes it",
    ],
  ])("one that is %s is a Fault that says so", async (_what, text, why) => {
    writeFileSync(places().checkpoint, text);
    const fault = await refused(handedOut(["vendor.com/vf"]));
    expect(fault.code).toBe(Code.decodeFailure);
    expect(fault.message).toContain(places().checkpoint);
    expect(fault.message).toContain(why);
  });

  test("where neither socket nor checkpoint is there, the Fault names both", async () => {
    const fault = await refused(handedOut(["vendor.com/vf"]));
    expect(fault.code).toBe(Code.ioFailure);
    expect(fault.message).toContain(places().socket);
    expect(fault.message).toContain(places().checkpoint);
  });
});

describe("a job of the executor's, through whose shim nobody asks the socket,", () => {
  /** The host of a job: what the shim does not allow is left, by `isForGood`. */
  const jobs = (allowed: string[], isForGood = true): Host => {
    const leave = () => Promise.reject(new LeftToNode("the shim refused it", isForGood));
    const host: Partial<Host> = {
      exists: (path) => (allowed.includes(path) ? localHost.exists(path) : leave()),
      read: (path) => (allowed.includes(path) ? localHost.read(path) : leave()),
      grpc: leave,
    };
    return host as Host;
  };
  const given = async (host: Host, more: { pod?: Pod; cluster?: Cluster } = {}) => {
    const { pod = POD, cluster } = more;
    const [network] = await withDevices(networks("vf"), pod, { host, cluster, log }, places());
    return network?.device?.id;
  };
  const remember = (PodUID: string) => {
    const entry = { PodUID, ResourceName: "vf", DeviceIDs: { "0": ["of the file"] } };
    writeFileSync(places().checkpoint, JSON.stringify({ Data: { PodDeviceEntries: [entry] } }));
  };

  test("goes by the checkpoint, whether or not it may see that there is a socket", async () => {
    remember(UID);
    await serve([withContainers({ devices: [{ resource_name: "vf", device_ids: ["of the API"] }] })]);
    const { socket, checkpoint } = places();
    for (const allowed of [[checkpoint], [socket, checkpoint]])
      expect(await given(jobs(allowed))).toBe("of the file");
    expect(kubelet?.calls()).toBe(0);
  });

  test("says which line of plexus-shim.conf is missing, if it may not read that", async () => {
    remember(UID);
    const fault = await refused(given(jobs([])));
    expect(fault).toBeInstanceOf(LeftToNode);
    expect(fault.message).toContain(`while it runs: the shim may not read ${places().checkpoint}`);
    expect(fault.message).toContain("add the line `kubelet DIRECTORY`");
  });

  test("says that there is no checkpoint, and nothing of a socket that it has not seen", async () => {
    const fault = await refused(given(jobs([places().checkpoint])));
    expect(fault.code).toBe(Code.ioFailure);
    expect(fault.message).toContain(
      `there is no ${places().checkpoint}, and ${places().socket} is not asked`,
    );
  });

  test("gets the devices of ResourceClaims from the API server, and says which claim is gone", async () => {
    remember("another");
    const host = jobs([places().checkpoint]);
    const pod = { ...POD, resourceClaims: new Map([["nic", "one"]]) };
    const attributes = { "k8s.cni.cncf.io/deviceID": "of the claim", "k8s.cni.cncf.io/resourceName": "vf" };
    const device = { driver: "vendor.com", pool: "node1", device: "dev-1" };
    const part = (allocated: AllocatedDevice[]): Partial<Cluster> => ({
      claim: async () => allocated,
      published: async () => [{ pool: "node1", generation: 1, device: "dev-1", attributes }],
    });
    const api = part([{ ...device, request: "vf" }]) as Cluster;
    expect(await given(host, { pod, cluster: api })).toBe("of the claim");
    const fault = await refused(given(host, { pod, cluster: part([]) as Cluster }));
    expect(fault.message).toContain("ResourceClaim apps/one of pod apps/web has no devices");
  });

  test("is not a call of the runtime, which is left to plexus, whatever could be read", async () => {
    remember(UID);
    const fault = await refused(given(jobs([places().checkpoint], false)));
    expect([fault instanceof LeftToNode, fault.message]).toEqual([true, "the shim refused it"]);
  });
});

describe("ResourceClaims", () => {
  const DRIVER = "sriov.example.com";
  const allocated = (device: string, request = "vf", driver = DRIVER): AllocatedDevice => ({
    driver,
    pool: "node1",
    device,
    request,
  });
  const published = (
    device: string,
    deviceID?: string,
    resourceName?: string,
    generation = 1,
  ): PublishedDevice => ({
    pool: "node1",
    generation,
    device,
    attributes: {
      "example.com/vendor": "8086",
      ...(deviceID === undefined ? {} : { "k8s.cni.cncf.io/deviceID": deviceID }),
      ...(resourceName === undefined ? {} : { "k8s.cni.cncf.io/resourceName": resourceName }),
    },
  });

  /** A cluster with these claims and slices; `asked` notes what it is asked for. */
  function cluster(
    claims: Record<string, AllocatedDevice[]>,
    slices: Record<string, PublishedDevice[]>,
    asked: string[] = [],
  ): Cluster {
    const part: Partial<Cluster> = {
      async claim(namespace, name) {
        asked.push(`claim ${namespace}/${name}`);
        return claims[name] ?? [];
      },
      async published(driver, nodeName) {
        asked.push(`slices ${driver} ${nodeName}`);
        return slices[driver] ?? [];
      },
    };
    return part as Cluster;
  }

  const claiming = (...names: string[]): Pod => ({
    ...POD,
    resourceClaims: new Map(names.map((name, index) => [`ref${index}`, name])),
  });

  test("a device goes to the network whose resource its driver publishes it for, by the ID published", async () => {
    await serve([]);
    const asked: string[] = [];
    const api = cluster(
      { "web-vf-x7f2": [allocated("dev-1")] },
      { [DRIVER]: [published("dev-0", "0000:03:02.0", "other"), published("dev-1", "0000:03:02.1", "vf")] },
      asked,
    );
    expect(await handedOut(["vf", "vf"], { pod: claiming("web-vf-x7f2"), cluster: api })).toEqual([
      "0000:03:02.1",
      undefined,
    ]);
    expect(asked).toEqual(["claim apps/web-vf-x7f2", `slices ${DRIVER} node1`]);
  });

  test("devices of claims and of device plugins under one resource name are sorted together", async () => {
    await serve([withContainers({ devices: [{ resource_name: "vf", device_ids: ["b", "d"] }] })]);
    const api = cluster(
      { one: [allocated("dev-1"), allocated("dev-2")], two: [allocated("dev-3")] },
      {
        [DRIVER]: [
          published("dev-1", "e", "vf"),
          published("dev-2", "a", "vf"),
          published("dev-3", "c", "vf"),
        ],
      },
    );
    expect(
      await handedOut(["vf", "vf", "vf", "vf", "vf"], { pod: claiming("one", "two"), cluster: api }),
    ).toEqual(["a", "b", "c", "d", "e"]);
  });

  test("a claim that a pod refers to twice counts once", async () => {
    await serve([]);
    const api = cluster({ one: [allocated("dev-1")] }, { [DRIVER]: [published("dev-1", "a", "vf")] });
    expect(await handedOut(["vf", "vf"], { pod: claiming("one", "one"), cluster: api })).toEqual([
      "a",
      undefined,
    ]);
  });

  test("devices that are not for networks are left out: without ID, without resource name, in no slice", async () => {
    await serve([]);
    const api = cluster(
      { mixed: [allocated("gpu"), allocated("half"), allocated("gone"), allocated("vf-1")] },
      { [DRIVER]: [published("gpu", undefined, "vf"), published("half", "a"), published("vf-1", "b", "vf")] },
    );
    expect(await handedOut(["vf", "vf"], { pod: claiming("mixed"), cluster: api })).toEqual(["b", undefined]);
    const left = logged.filter((message) => message.includes("is not for a network"));
    expect(left.map((message) => message.split(" ")[1])).toEqual(
      ["gpu", "half", "gone"].map((name) => `${DRIVER}/node1/${name}`),
    );
  });

  test("the log says which attribute a device lacks that has an ID, but no resource name", async () => {
    await serve([]);
    const api = cluster({ one: [allocated("half")] }, { [DRIVER]: [published("half", "a")] });
    expect(await handedOut(["vendor.com/vf"], { pod: claiming("one"), cluster: api })).toEqual([undefined]);
    expect(errors.join("\n")).toContain(
      `device ${DRIVER}/node1/half is not for a network: its driver publishes it with k8s.cni.cncf.io/deviceID and ` +
        "without k8s.cni.cncf.io/resourceName; set that to the k8s.v1.cni.cncf.io/resourceName of the " +
        "NetworkAttachmentDefinition that it is for",
    );
  });

  test("drivers, and pools of one driver, may use the same device names", async () => {
    await serve([]);
    const api = cluster(
      { one: [allocated("dev-1"), allocated("dev-1", "vf", "second.example.com")] },
      {
        [DRIVER]: [published("dev-1", "a", "vf"), { ...published("dev-1", "z", "vf"), pool: "node2" }],
        "second.example.com": [published("dev-1", "b", "vf")],
      },
    );
    expect(await handedOut(["vf", "vf", "vf"], { pod: claiming("one"), cluster: api })).toEqual([
      "a",
      "b",
      undefined,
    ]);
  });

  test("while a driver replaces its slices, the new ones count", async () => {
    await serve([]);
    const api = cluster(
      { one: [allocated("dev-1")] },
      { [DRIVER]: [published("dev-1", "new", "vf", 10), published("dev-1", "old", "vf", 9)] },
    );
    expect(await handedOut(["vf"], { pod: claiming("one"), cluster: api })).toEqual(["new"]);
  });

  test("of a claim that is gone, what the kubelet has prepared counts, once for all containers", async () => {
    const prepared = (...devices: string[]) => ({
      dynamic_resources: [
        {
          claim_name: "one",
          claim_namespace: "apps",
          claim_resources: devices.map((device_name) => ({
            driver_name: DRIVER,
            pool_name: "node1",
            device_name,
            cdi_devices: [{ name: `example.com/vf=${device_name}` }],
          })),
        },
      ],
    });
    await serve([withContainers(prepared("dev-1", "dev-2"), prepared("dev-1"))]);
    const slices = { [DRIVER]: [published("dev-1", "a", "vf"), published("dev-2", "b", "vf")] };
    expect(
      await handedOut(["vf", "vf", "vf"], { pod: claiming("one"), cluster: cluster({}, slices) }),
    ).toEqual(["a", "b", undefined]);
  });

  test("a claim without devices is a Fault: the pod would start without its interface", async () => {
    await serve([]);
    const fault = await refused(handedOut(["vf"], { pod: claiming("missing"), cluster: cluster({}, {}) }));
    expect(fault.code).toBe(Code.tryAgainLater);
    expect(fault.message).toContain("ResourceClaim apps/missing of pod apps/web has no devices");
  });

  describe("behind extended resources", () => {
    const pod: Pod = {
      ...POD,
      extendedResourceClaim: {
        claim: "web-extended",
        mappings: [{ request: "container-0-request-0", resourceName: "vendor.com/vf" }],
      },
    };
    const claims = { "web-extended": [allocated("dev-1", "container-0-request-0")] };

    test("devices go to the networks of the resource that the pod requested", async () => {
      await serve([]);
      const api = cluster(claims, { [DRIVER]: [published("dev-1", "a", "vendor.com/vf")] });
      expect(await handedOut(["vendor.com/vf"], { pod, cluster: api })).toEqual(["a"]);
    });

    test.each([
      ["for another resource", published("dev-1", "a", "vendor.com/other")],
      ["for no resource", published("dev-1", "a")],
      ["without an ID", published("dev-1", undefined, "vendor.com/vf")],
      ["under another name", published("dev-2", "a", "vendor.com/vf")],
    ])("a device published %s is a Fault that names device and resource", async (_how, device) => {
      await serve([]);
      const api = cluster(claims, { [DRIVER]: [device] });
      const fault = await refused(handedOut(["vendor.com/vf"], { pod, cluster: api }));
      expect(fault.code).toBe(Code.invalidNetworkConfig);
      expect(fault.message).toContain(`${DRIVER}/node1/dev-1`);
      expect(fault.message).toContain("vendor.com/vf");
    });

    test("a request that the claim has no device for is a Fault", async () => {
      await serve([]);
      const api = cluster({ "web-extended": [allocated("dev-1", "another")] }, {});
      const fault = await refused(handedOut(["vendor.com/vf"], { pod, cluster: api }));
      expect(fault.message).toContain("no device for request container-0-request-0");
    });
  });
});
