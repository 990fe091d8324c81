import { describe, expect, test } from "vitest";
import { Code } from "../../launcher/fault.ts";
import { readConf } from "../../launcher/sriov/conf.ts";
import { readDevice } from "../../launcher/sriov/device.ts";
import { listFunctions, tableOf } from "../../launcher/sriov/list.ts";
import { runSriov } from "../../launcher/sriov/plugin.ts";
import { loadCore } from "../support/core.ts";
import { type FakeDevice, FakeNode } from "../support/fake-sysfs.ts";

const core = loadCore();
const DRIVERS = ["ixgbe", "ixgbevf", "mlx5_core", "i40e", "iavf", "vfio-pci"];

/** Two ports of one card, whose VFs' functions alternate. */
const IXGBE: Record<string, FakeDevice> = {
  "0000:3b:00.0": {
    driver: "ixgbe",
    netdev: "ens1f0",
    vfs: ["0000:3b:10.0", "0000:3b:10.2"],
    iommuGroup: "1",
  },
  "0000:3b:00.1": {
    driver: "ixgbe",
    netdev: "ens1f1",
    vfs: ["0000:3b:10.1", "0000:3b:10.3"],
    iommuGroup: "1",
  },
  "0000:3b:10.0": { driver: "ixgbevf", netdev: "ens1f0v0", iommuGroup: "20" },
  "0000:3b:10.1": { driver: "ixgbevf", netdev: "ens1f1v0", iommuGroup: "21" },
  "0000:3b:10.2": { driver: "ixgbevf", netdev: "ens1f0v1", iommuGroup: "22" },
  "0000:3b:10.3": { driver: "ixgbevf", netdev: "ens1f1v1", iommuGroup: "23" },
};

/** In switchdev mode: the PF's directory has the representors of its VFs too. */
const MLX5: Record<string, FakeDevice> = {
  "0000:81:00.0": {
    driver: "mlx5_core",
    netdev: "ens2np0",
    representors: { aaa_pf0vf0: "pf0vf0", bbb_pf0vf1: "pf0vf1", ens2np0: "p0" },
    rdma: ["mlx5_0"],
    vfs: ["0000:81:00.2", "0000:81:00.3"],
    iommuGroup: "40",
  },
  "0000:81:00.2": { driver: "mlx5_core", netdev: "ens2v0", rdma: ["mlx5_2"], iommuGroup: "41" },
  "0000:81:00.3": { driver: "mlx5_core", netdev: "ens2v1", rdma: ["mlx5_3"], iommuGroup: "42" },
};

/** One VF behind vfio-pci, one without any driver, one in no IOMMU group, two in one group. */
const I40E: Record<string, FakeDevice> = {
  "0000:18:00.0": {
    driver: "i40e",
    netdev: "eno1",
    vfs: ["0000:18:02.0", "0000:18:02.1", "0000:18:02.2", "0000:18:02.3", "0000:18:02.4"],
    iommuGroup: "60",
  },
  "0000:18:02.0": { driver: "vfio-pci", iommuGroup: "61" },
  "0000:18:02.1": { iommuGroup: "62" },
  "0000:18:02.2": { driver: "iavf", netdev: "eno1v2" },
  "0000:18:02.3": { driver: "iavf", netdev: "eno1v3", iommuGroup: "63" },
  "0000:18:02.4": { driver: "iavf", netdev: "eno1v4", iommuGroup: "63" },
  "0000:19:00.0": { driver: "i40e", netdev: "eno2", iommuGroup: "64" },
};

function run(node: FakeNode, verb: string, conf: object, more: object = {}) {
  return runSriov({
    verb,
    containerId: "c1",
    netns: "/run/netns/pod",
    ifname: "net1",
    args: "",
    stdin: JSON.stringify({ cniVersion: "1.0.0", name: "vfs", type: "sriov", ...conf }),
    env: {},
    pluginDirs: ["/opt/cni/bin"],
    cniDir: "/state",
    timeout: 0,
    core,
    host: node.host,
    log: () => undefined,
    ...more,
  });
}

function allocations(node: FakeNode): string[] {
  return [...node.files.keys()].filter((path) => path.startsWith("/state/sriov/"));
}

describe("devices", () => {
  test.each([
    ["0000:3b:10.0", "0000:3b:00.0", "ens1f0", 0],
    ["0000:3b:10.1", "0000:3b:00.1", "ens1f1", 0],
    ["0000:3b:10.3", "0000:3b:00.1", "ens1f1", 1],
  ])("of two PFs a VF has its own: %s", async (address, pf, netdev, vf) => {
    const { host } = new FakeNode(IXGBE, DRIVERS);
    expect(await readDevice(host, address)).toMatchObject({ pf: { address: pf, netdev }, vf });
  });

  test("a PF in switchdev mode has the netdev of its port, not a representor", async () => {
    const { host } = new FakeNode(MLX5, DRIVERS);
    const device = await readDevice(host, "0000:81:00.3");
    expect(device).toMatchObject({ pf: { netdev: "ens2np0" }, vf: 1, netdev: "ens2v1", rdma: ["mlx5_3"] });
  });

  test("the list has every PF with its VFs, and who has them", async () => {
    const node = new FakeNode(I40E, DRIVERS);
    await run(node, "ADD", { deviceID: "0000:18:02.0" });
    const list = await listFunctions(node.host, "/state");
    expect(list.map(({ address }) => address)).toEqual([
      "0000:18:00.0",
      ...(I40E["0000:18:00.0"]?.vfs ?? []),
    ]);
    expect(list[1]?.owner).toMatchObject({ containerId: "c1", ifname: "net1", network: "vfs" });
    const [head, pf, vf] = tableOf(list).split("\n");
    expect(head).toMatch(/^ADDRESS +FUNCTION +NETDEV +DRIVER +IOMMU +IN USE BY$/);
    expect(pf).toMatch(/^0000:18:00.0 +PF, 5 of NaN VFs +eno1 +i40e +60$/);
    expect(vf).toMatch(/^ {2}0000:18:02.0 +VF 0 +- +vfio-pci +61 +c1 net1 vfs$/);
  });
});

describe("ADD and DEL", () => {
  test("set the VF through its own PF, move it, and put all back", async () => {
    const node = new FakeNode(IXGBE, DRIVERS);
    const conf = { deviceID: "3b:10.3", vlan: 7, spoofchk: "off", max_tx_rate: 100, mtu: 9000 };
    const result = JSON.parse((await run(node, "ADD", conf)) ?? "");
    expect(result.interfaces).toEqual([
      { name: "net1", mac: "02:00:00:00:00:01", sandbox: "/run/netns/pod" },
    ]);
    expect(node.ran.map(({ netns }) => netns)).toEqual([undefined, undefined, "/run/netns/pod"]);
    expect(node.ran[1]?.lines).toEqual([
      "link set dev ens1f1v1 down",
      "link set dev ens1f1 vf 1 vlan 7 qos 0",
      "link set dev ens1f1 vf 1 spoofchk off",
      "link set dev ens1f1 vf 1 max_tx_rate 100",
      "link set dev ens1f1v1 netns /run/netns/pod name net1",
    ]);
    expect(node.ran[2]?.lines).toEqual(["link set dev net1 mtu 9000", "link set dev net1 up"]);
    expect(node.netdevs.has("ens1f1v1")).toBe(false);

    node.ran.length = 0;
    Object.assign(node.vf, { vlan_list: [{ vlan: 7 }], spoofchk: false, rate: { max_tx: 100, min_tx: 0 } });
    await run(node, "DEL", conf);
    expect(node.ran[1]).toMatchObject({
      netns: "/run/netns/pod",
      lines: ["link set dev net1 down", "link set dev net1 netns 1 name ens1f1v1"],
    });
    expect(node.ran[2]?.lines).toEqual(
      [
        "link set dev ens1f1v1 down",
        "link set dev ens1f1 vf 1 spoofchk on",
        "link set dev ens1f1 vf 1 vlan 0",
        "link set dev ens1f1 vf 1 max_tx_rate 0",
        "link set dev ens1f1v1 up",
      ].sort((a, b) => order(a) - order(b)),
    );
    expect(allocations(node)).toEqual([]);
  });

  /** vlan before spoofchk before rates: the order that settings are written in. */
  const order = (line: string) =>
    ["down", "vlan", "spoofchk", "rate", " up"].findIndex((word) => line.includes(word));

  test("the result of a conf of 1.1.0 has the PCI address", async () => {
    const node = new FakeNode(IXGBE, DRIVERS);
    const result = await run(node, "ADD", { cniVersion: "1.1.0", deviceID: "0000:3b:10.0", mtu: 1400 });
    expect(JSON.parse(result ?? "").interfaces[0]).toMatchObject({ pciID: "0000:3b:10.0", mtu: 1400 });
  });

  test("an RDMA device goes with its VF where it can be in one namespace only", async () => {
    for (const [mode, commands] of [
      ["N\n", [["rdma", "dev", "set", "mlx5_2", "netns", "/run/netns/pod"]]],
      ["Y\n", []],
    ]) {
      const node = new FakeNode(MLX5, DRIVERS);
      node.files.set("/sys/module/ib_core/parameters/netns_mode", mode as string);
      await run(node, "ADD", { deviceID: "0000:81:00.2" });
      expect(node.ran.map(({ args }) => args).filter(([name]) => name === "rdma")).toEqual(commands);
    }
  });

  test("a VF with a user-space driver keeps it, and has no netdev", async () => {
    const node = new FakeNode(I40E, DRIVERS);
    const result = await run(node, "ADD", { deviceID: "0000:18:02.0", vlan: 5 });
    expect(JSON.parse(result ?? "").interfaces).toEqual([{ name: "net1", sandbox: "/run/netns/pod" }]);
    await run(node, "DEL", { deviceID: "0000:18:02.0", vlan: 5 });
    expect(node.driver("0000:18:02.0")).toBe("vfio-pci");
  });

  test("a VF without a driver is bound to the one that is named, and has none again", async () => {
    const node = new FakeNode(I40E, DRIVERS);
    const conf = { deviceID: "0000:18:02.1", driver: "vfio-pci" };
    await run(node, "ADD", conf);
    expect(node.driver("0000:18:02.1")).toBe("vfio-pci");
    await run(node, "DEL", conf);
    expect(node.driver("0000:18:02.1")).toBe("");
  });

  test("without IOMMU a VF is bound where no-IOMMU mode is on", async () => {
    const node = new FakeNode(I40E, DRIVERS);
    node.files.set("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
    await run(node, "ADD", { deviceID: "0000:18:02.2", driver: "vfio-pci" });
    expect(node.driver("0000:18:02.2")).toBe("vfio-pci");
    await run(node, "DEL", { deviceID: "0000:18:02.2", driver: "vfio-pci" });
    expect([node.driver("0000:18:02.2"), node.netdevs.get("eno1v2")]).toEqual(["iavf", "0000:18:02.2"]);
  });

  test("a whole device is taken only where it is named", async () => {
    const node = new FakeNode(I40E, DRIVERS);
    const conf = { deviceID: "0000:19:00.0", allowDevices: ["0000:19:00.0"] };
    await run(node, "ADD", conf);
    expect(node.netdevs.has("eno2")).toBe(false);
    await run(node, "DEL", conf);
    expect(node.netdevs.get("eno2")).toBe("0000:19:00.0");
  });

  test.each(["vf 1 vlan", "netns /run", "mtu", "up"])("what fails at `%s` is undone", async (step) => {
    const node = new FakeNode(IXGBE, DRIVERS);
    node.failing = new RegExp(step);
    const conf = { deviceID: "0000:3b:10.3", vlan: 7, mtu: 9000 };
    await expect(run(node, "ADD", conf)).rejects.toThrow(/device 0000:3b:10.3: `ip link set/);
    expect(node.netdevs.get("ens1f1v1")).toBe("0000:3b:10.3");
    expect(allocations(node)).toEqual([]);
  });

  test("a VF whose PF was reset, so that it is gone, is no error at DEL", async () => {
    const node = new FakeNode(IXGBE, DRIVERS);
    await run(node, "ADD", { deviceID: "0000:3b:10.3" });
    const reset = new FakeNode({}, DRIVERS);
    for (const [path, text] of node.files) reset.files.set(path, text);
    await run(reset, "DEL", { deviceID: "0000:3b:10.3" });
    expect(allocations(reset)).toEqual([]);
  });
});

describe("refused", () => {
  const refused = async (conf: object, code: number, message: RegExp, node = new FakeNode(I40E, DRIVERS)) => {
    const before = [...node.files];
    await expect(run(node, "ADD", conf)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect([...node.files]).toEqual(before);
  };

  test("a device that is in use", async () => {
    const node = new FakeNode(I40E, DRIVERS);
    await run(node, "ADD", { deviceID: "0000:18:02.0" }, { containerId: "c0" });
    await refused(
      { deviceID: "0000:18:02.0" },
      Code.tryAgainLater,
      /in use: container c0 has it as net1/,
      node,
    );
  });

  test("vfio-pci where there is no IOMMU group", () =>
    refused(
      { deviceID: "0000:18:02.2", driver: "vfio-pci" },
      Code.pluginNotAvailable,
      /0000:18:02.2 cannot be bound to vfio-pci: it is in no IOMMU group: boot with intel_iommu=on .*no-IOMMU/,
    ));

  test("vfio-pci where another device of the group has a kernel driver", () =>
    refused(
      { deviceID: "0000:18:02.3", driver: "vfio-pci" },
      Code.invalidNetworkConfig,
      /0000:18:02.4 is in the same IOMMU group, 63, and has driver iavf/,
    ));

  test("a driver that is not loaded", () =>
    refused({ deviceID: "0000:18:02.3", driver: "igb_uio" }, Code.pluginNotAvailable, /modprobe igb_uio/));

  test("a VF without a driver", () =>
    refused({ deviceID: "0000:18:02.1" }, Code.invalidNetworkConfig, /has no driver/));

  test("a PF", () => refused({ deviceID: "0000:18:00.0" }, Code.invalidNetworkConfig, /no virtual function/));

  test("a VF whose netdev something else has", async () => {
    const node = new FakeNode(I40E, DRIVERS);
    node.netdevs.delete("eno1v3");
    await refused({ deviceID: "0000:18:02.3" }, Code.tryAgainLater, /something else has it/, node);
  });

  test("settings of a PF without a netdev", async () => {
    const node = new FakeNode(I40E, DRIVERS);
    node.netdevs.delete("eno1");
    await refused(
      { deviceID: "0000:18:02.3", vlan: 4 },
      Code.invalidNetworkConfig,
      /0000:18:00.0 has no netdev/,
      node,
    );
  });

  test.each([
    [{ deviceID: "eth0" }, /`deviceID` is "eth0": a PCI address/],
    [{ deviceID: "0000:18:02.0/../x" }, /a PCI address/],
    [{ vlan: 4095 }, /`vlan` is 4095: a number from 0 to 4094/],
    [{ vlan: "5" }, /`vlan` is "5"/],
    [{ vlanQoS: 3 }, /`vlanQoS` needs a `vlan`/],
    [{ vlan: 3, vlanQoS: 8 }, /`vlanQoS` is 8/],
    [{ vlan: 0, vlanProto: "802.1ad" }, /`vlanProto` 802.1ad needs/],
    [{ vlan: 1, vlanProto: "q" }, /must be one of 802.1q, 802.1ad/],
    [{ spoofchk: "yes" }, /`spoofchk` is "yes": it must be one of on, off/],
    [{ link_state: "up" }, /auto, enable, disable/],
    [{ min_tx_rate: 9, max_tx_rate: 8 }, /`min_tx_rate` is 9, above/],
    [{ max_tx_rate: -1 }, /`max_tx_rate` is -1/],
    [{ mac: "01:00:00:00:00:01" }, /a unicast one/],
    [{ mac: "x\nlink del dev eth0" }, /MAC address/],
    [{ mtu: 10 }, /`mtu` is 10/],
    [{ driver: "../evil" }, /`driver` is/],
    [{ allowDevices: "all" }, /`allowDevices` must be a list/],
    [{ ipam: [] }, /`ipam` must be a JSON object/],
  ])("the conf %j", (conf, message) => {
    expect(() => readConf(JSON.stringify({ cniVersion: "1.0.0", ...conf }), "")).toThrow(message);
  });

  test("a version whose results have no interfaces", () =>
    refused({ cniVersion: "0.2.0", deviceID: "0000:18:02.3" }, Code.incompatibleVersion, /0.3.0 or newer/));
});

test("a MAC address is taken from runtimeConfig, from CNI_ARGS, then from the conf", () => {
  const conf = (more: object) => JSON.stringify({ mac: "02:00:00:00:00:03", ...more });
  const runtimeConfig = { mac: "02:00:00:00:00:01" };
  expect(readConf(conf({ runtimeConfig }), "MAC=02:00:00:00:00:02").settings.mac).toBe("02:00:00:00:00:01");
  expect(readConf(conf({}), "A=b;MAC=02:00:00:00:00:02").settings.mac).toBe("02:00:00:00:00:02");
  expect(readConf(conf({}), "").settings.mac).toBe("02:00:00:00:00:03");
});
