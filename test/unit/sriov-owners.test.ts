// Who has a VF, and what tenants, other plugins and accidents do to that.
import { describe, expect, test } from "vitest";
import { Code } from "../../launcher/fault.ts";
import { DEVICES_FILE } from "../../launcher/paths.ts";
import { readConf } from "../../launcher/sriov/conf.ts";
import { DRIVERS, I40E, IGB, IXGBE } from "../support/sriov-nics.ts";
import { added, allocations, POD, run, SriovNode } from "../support/sriov-node.ts";

const VF = "0000:3b:10.3";

describe("a file in the state directory", () => {
  test.each([
    ["an empty one of another VF", "0000:3b:10.0", ""],
    ["one that is no PCI address", "notes.txt", "mine"],
  ])("does not stop ADD, DEL and GC of a VF: %s", async (_, name, text) => {
    const node = new SriovNode(IXGBE, DRIVERS);
    node.files.set(`/state/sriov/${name}`, text);
    await run(node, "ADD", { deviceID: VF });
    await run(node, "GC", { "cni.dev/valid-attachments": [{ containerID: "c1", ifname: "net1" }] });
    expect(allocations(node)).toContain(`/state/sriov/${VF}`);
    await run(node, "DEL", { deviceID: VF });
    expect(allocations(node)).toEqual([`/state/sriov/${name}`]);
    expect(node.logged.join()).toContain(name);
  });

  test("that is torn keeps its own VF, and the error says which file it is", async () => {
    const node = new SriovNode(IXGBE, DRIVERS);
    node.files.set(`/state/sriov/${VF}`, '{"addr');
    await expect(run(node, "ADD", { deviceID: VF })).rejects.toMatchObject({
      code: Code.decodeFailure,
      message: expect.stringContaining(`/state/sriov/${VF} does not say who has device`),
    });
  });

  test("that a killed ADD has left half-made goes with the next DEL", async () => {
    const node = new SriovNode(IXGBE, DRIVERS);
    node.files.set(`/state/sriov/.plexus-0-0-1.${VF}.tmp`, "");
    node.files.set("/state/sriov/.plexus-0-0-2.tmp", "{");
    await run(node, "DEL", { deviceID: VF });
    expect([...node.files.keys()]).toEqual([]);
  });
});

test("a call waits for another one that deals with the VF, and says so after ten seconds", async () => {
  const node = new SriovNode(IXGBE, DRIVERS);
  await node.inProcess(async () => {
    await node.host.mark(`/state/sriov/${VF}`);
    const before = node.clock.now();
    await expect(run(node, "ADD", { deviceID: VF })).rejects.toMatchObject({
      code: Code.tryAgainLater,
      message: expect.stringMatching(/is in use: another call has been dealing with it .*try again later/),
    });
    expect(node.clock.now() - before).toBeGreaterThanOrEqual(10_000);
    // It keeps no other call from its turn, and two that wait for each other do not try at the same moments for ever.
    expect(node.asideMs.reduce((sum, ms) => sum + ms)).toBeGreaterThanOrEqual(10_000);
    expect(new Set(node.asideMs).size).toBeGreaterThan(1);
  });
  await run(node, "ADD", { deviceID: VF });
  expect(allocations(node)).toEqual([`/state/sriov/${VF}`]);
});

test("a call that cannot look for other locks leaves none of its own", async () => {
  const node = new SriovNode(IXGBE, DRIVERS);
  const { list, mark } = node.host;
  let isMarked = false;
  node.host.mark = (path) => {
    isMarked = true;
    return mark(path);
  };
  node.host.list = async (dir) => {
    if (isMarked && dir === "/state/sriov") throw new Error("the disk fails");
    return list(dir);
  };
  await expect(run(node, "ADD", { deviceID: VF })).rejects.toThrow("the disk fails");
  expect([isMarked, allocations(node)]).toEqual([true, []]);
});

describe("a DEL succeeds whatever the conf says by then", () => {
  test.each([
    { vlan: 5000 },
    { mac: "01:00:00:00:00:01" },
    { deviceID: "x" },
    { ipam: [] },
    { driver: "../x" },
  ])("%j", async (wrong) => {
    const node = new SriovNode(IXGBE, DRIVERS);
    const before = node.sysfs.snapshot();
    await run(node, "ADD", { deviceID: VF, vlan: 7 });
    await run(node, "DEL", { deviceID: VF, ...wrong });
    expect(node.sysfs.snapshot()).toBe(before);
  });
});

describe("a tenant's conf does not get", () => {
  const refused = (conf: object, message: RegExp, node = new SriovNode(I40E, DRIVERS)) =>
    expect(run(node, "ADD", conf)).rejects.toMatchObject({
      code: Code.invalidNetworkConfig,
      message: expect.stringMatching(message),
    });

  test("a device that is not a VF, although it names it", () =>
    refused(
      { deviceID: "0000:19:00.0", allowDevices: ["0000:19:00.0"] },
      /this node does not allow .*devices.json/,
    ));

  test("one that the node allows, unless it names it", () => {
    const node = new SriovNode(I40E, DRIVERS);
    node.files.set(DEVICES_FILE, '["0000:19:00.0"]');
    return refused({ deviceID: "0000:19:00.0" }, /not a virtual function/, node);
  });

  test.each([
    "/etc/passwd",
    "/var/run/k8s.cni.cncf.io/devinfo/../../../etc/x",
    "/var/run/k8s.cni.cncf.io/devinfo",
  ])("a file outside the directories of device-infos: %s", (path) => {
    const conf = JSON.stringify({ cniVersion: "1.0.0", runtimeConfig: { CNIDeviceInfoFile: path } });
    expect(() => readConf(conf, "")).toThrow(/must be a file below/);
  });

  test("a log file outside /var/log", async () => {
    const node = new SriovNode(IXGBE, DRIVERS);
    await run(node, "ADD", { deviceID: VF, logFile: "/etc/cron.d/x", logLevel: "debug" });
    expect(node.logged).toEqual(['logFile "/etc/cron.d/x" is not written: it has to be below /var/log']);
  });

  test("a VF whose netdev another plugin has in a pod, for another driver", async () => {
    const node = new SriovNode(IXGBE, DRIVERS);
    Object.assign(node.sysfs.link("ens1f1v1") ?? {}, { netns: "/run/netns/other" });
    const before = node.sysfs.snapshot();
    await expect(run(node, "ADD", { deviceID: VF, driver: "vfio-pci" })).rejects.toMatchObject({
      code: Code.tryAgainLater,
      message: expect.stringMatching(/something else has it/),
    });
    expect(node.sysfs.snapshot()).toBe(before);
  });
});

test("a forged record does not make a DEL touch a device that is not a VF", async () => {
  const node = new SriovNode(I40E, DRIVERS);
  const before = node.sysfs.snapshot();
  const forged = {
    containerId: "c1",
    ifname: "net1",
    netns: "",
    network: "n",
    driver: "vfio-pci",
    bound: "i40e",
  };
  node.files.set(
    "/state/sriov/0000:19:00.0",
    JSON.stringify({ address: "0000:19:00.0", ...forged, wanted: {}, before: {}, rdma: [] }),
  );
  await expect(run(node, "DEL", {})).rejects.toThrow(/this node does not allow/);
  expect(node.sysfs.snapshot()).toBe(before);
});

test("the link of another device, under the name that the VF had in the pod, stays there", async () => {
  const node = new SriovNode(IXGBE, DRIVERS);
  const before = node.sysfs.snapshot();
  await run(node, "ADD", { deviceID: VF });
  Object.assign(node.sysfs.link("net1", POD) ?? {}, { name: "mine", isUp: false });
  node.sysfs.addLink("net1", POD);
  await run(node, "DEL", { deviceID: VF });
  expect(node.sysfs.snapshot()).toBe(before);
  expect(node.sysfs.link("net1", POD)).toMatchObject({ device: "", netns: POD });
});

test("driver_override comes back as the administrator had it", async () => {
  const node = new SriovNode(I40E, DRIVERS);
  node.sysfs.set("/sys/bus/pci/devices/0000:18:02.0/driver_override", "vfio-pci");
  const before = node.sysfs.snapshot();
  const conf = { deviceID: "0000:18:02.0", driver: "vfio-pci", vlan: 5 };
  await run(node, "ADD", conf);
  await run(node, "DEL", conf);
  expect(node.sysfs.snapshot()).toBe(before);
});

describe("the MAC address", () => {
  test("that the PF has set of a VF for user space is in the result, and comes back if the application has changed it", async () => {
    const node = new SriovNode(IXGBE, DRIVERS);
    const [, vf] = node.sysfs.vfs("0000:3b:00.1") ?? [];
    Object.assign(vf ?? {}, { mac: "02:00:00:00:00:99" });
    const { interfaces } = await added(node, { deviceID: VF, driver: "vfio-pci" });
    expect(interfaces[0].mac).toBe("02:00:00:00:00:99");
    Object.assign(vf ?? {}, { mac: "02:00:00:00:00:66" });
    await run(node, "DEL", { deviceID: VF });
    expect(vf?.mac).toBe("02:00:00:00:00:99");
  });

  test("is set again while the PF is busy", async () => {
    const node = new SriovNode(IXGBE, DRIVERS);
    node.failing = /vf 1 mac/; // once
    await run(node, "ADD", { deviceID: VF, mac: "02:00:00:00:00:77" });
    expect(node.sysfs.link("net1", POD)?.mac).toBe("02:00:00:00:00:77");
  });
});

test.each(["mlx5_vfio_pci", "hisi-acc-vfio-pci"])(
  "a vendor's vfio driver is one for user space: %s",
  async (driver) => {
    const node = new SriovNode(IXGBE, { drivers: [...DRIVERS.drivers, driver] });
    const before = node.sysfs.snapshot();
    await run(node, "ADD", { deviceID: VF, driver });
    expect(node.sysfs.driver(VF)).toBe(driver);
    await run(node, "DEL", { deviceID: VF });
    expect(node.sysfs.snapshot()).toBe(before);
  },
);

test("a device of the IOMMU group that pci-stub holds does not stop vfio-pci", async () => {
  const node = new SriovNode({ ...I40E, "0000:18:02.4": { driver: "pci-stub", iommuGroup: "63" } }, DRIVERS);
  await run(node, "ADD", { deviceID: "0000:18:02.3", driver: "vfio-pci" });
  expect(node.sysfs.driver("0000:18:02.3")).toBe("vfio-pci");
});

describe("an IPAM plugin that answers", () => {
  test.each([
    [{}, /no address/],
    [{ ips: [{ address: "10.9.0.2" }] }, /an IP address with its prefix length/],
    [{ ips: [{ address: "10.9.0.2/33" }] }, /an IP address with its prefix length/],
    [{ ips: [{ address: "10.9.0.2/24", gateway: "fd00::1" }] }, /a gateway that is none for 10.9.0.2/],
    [{ ips: [{ address: "fd00::zz/64" }] }, /an IP address with its prefix length/],
    [
      { ips: [{ address: "10.9.0.2/24" }], routes: [{ dst: "default" }] },
      /an IP network with its prefix length/,
    ],
    [{ ips: [{ address: "10.9.0.2/24" }], routes: [{ dst: "0.0.0.0/0", mtu: "1 onlink" }] }, /`mtu`/],
  ])("%j fails the ADD, which is undone", async (result, message) => {
    const node = new SriovNode(IXGBE, DRIVERS);
    const before = node.sysfs.snapshot();
    node.ipam.set("host-local", { result: { cniVersion: "1.0.0", ...result } });
    await expect(run(node, "ADD", { deviceID: VF, ipam: { type: "host-local" } })).rejects.toThrow(message);
    expect(node.sysfs.snapshot()).toBe(before);
    expect(allocations(node)).toEqual([]);
  });
});

describe("an attachment of the executable sriov-cni", () => {
  const cached = {
    name: "vfs",
    type: "sriov",
    deviceID: VF,
    Master: "ens1f1",
    VFID: 1,
    vlan: 7,
    spoofchk: "off",
    OrigVfState: {
      HostIFName: "ens1f1v1",
      SpoofChk: true,
      AdminMAC: "00:00:00:00:00:00",
      Vlan: 0,
      VlanQoS: 0,
      MTU: 1500,
    },
  };

  /** As sriov-cni leaves it. */
  function attachedBySriovCni(): { node: SriovNode; before: string } {
    const node = new SriovNode(IXGBE, DRIVERS);
    Object.assign(node.sysfs.link("ens1f1v1") ?? {}, { isUp: false });
    const before = node.sysfs.snapshot();
    Object.assign(node.sysfs.link("ens1f1v1") ?? {}, { name: "net1", netns: POD, isUp: true });
    Object.assign(node.sysfs.vfs("0000:3b:00.1")?.[1] ?? {}, { vlan: 7, spoofchk: false });
    node.files.set("/var/lib/cni/sriov/c1-net1", JSON.stringify(cached));
    node.files.set(`/var/lib/cni/sriov/pci/${VF}`, POD);
    return { node, before };
  }

  test("is deleted by the built-in, and nothing of it is left", async () => {
    const { node, before } = attachedBySriovCni();
    await run(node, "DEL", { deviceID: VF, vlan: 7 });
    expect(node.sysfs.snapshot()).toBe(before);
    expect([...node.files.keys()]).toEqual([]);
  });

  test("keeps its VF while its namespace is there", async () => {
    const { node } = attachedBySriovCni();
    await expect(run(node, "ADD", { deviceID: VF }, { CNI_CONTAINERID: "c2" })).rejects.toMatchObject({
      code: Code.tryAgainLater,
      message: expect.stringMatching(/sriov-cni has attached it/),
    });
  });
});

test("igbvf: an ADD that is killed at any change leaves driver_override to the next DEL", async () => {
  for (let changes = 0, isDone = false; !isDone; changes++) {
    const node = new SriovNode(IGB, DRIVERS);
    const before = node.sysfs.snapshot();
    const conf = { deviceID: "0000:01:10.0", mac: "02:00:00:00:00:77" };
    await run(node, "ADD", conf);
    node.changesLeft = changes;
    isDone = await run(node, "DEL", conf).then(
      () => true,
      () => false,
    );
    node.changesLeft = Number.POSITIVE_INFINITY;
    await run(node, "DEL", conf);
    expect(node.sysfs.snapshot(), `after ${changes} changes`).toBe(before);
  }
});
