import { describe, expect, test } from "vitest";
import { tableOf } from "../../launcher/cli/functions.ts";
import { Code } from "../../launcher/fault.ts";
import { DEVICES_FILE } from "../../launcher/paths.ts";
import { readDevice } from "../../launcher/sriov/device.ts";
import { listFunctions } from "../../launcher/sriov/list.ts";
import { NODE } from "../support/fake-sysfs.ts";
import { DRIVERS, I40E, IGB, IXGBE, MLX5 } from "../support/sriov-nics.ts";
import { added, allocations, POD, run, SriovNode } from "../support/sriov-node.ts";

describe("devices", () => {
  test.each([
    ["0000:3b:10.0", "0000:3b:00.0", "ens1f0", 0],
    ["0000:3b:10.1", "0000:3b:00.1", "ens1f1", 0],
    ["0000:3b:10.3", "0000:3b:00.1", "ens1f1", 1],
  ])("of two PFs a VF has its own: %s", async (address, pf, netdev, vf) => {
    const { host } = new SriovNode(IXGBE, DRIVERS);
    expect(await readDevice(host, address)).toMatchObject({ pf: { address: pf, netdev }, vf });
  });

  test("a PF in switchdev mode has the netdev of its port, not a representor", async () => {
    const { host } = new SriovNode(MLX5, DRIVERS);
    const device = await readDevice(host, "0000:81:00.3");
    expect(device).toMatchObject({ pf: { netdev: "ens2np0" }, vf: 1, netdev: "ens2v1", rdma: ["mlx5_3"] });
  });

  test("the list has every PF with its VFs, and who has them", async () => {
    const node = new SriovNode(I40E, DRIVERS);
    await run(node, "ADD", { deviceID: "0000:18:02.0" });
    const list = await listFunctions(node.host, "/state", () => undefined);
    expect(list.map(({ address }) => address)).toEqual([
      "0000:18:00.0",
      ...(I40E["0000:18:00.0"]?.vfs ?? []),
    ]);
    expect(list[1]?.owner).toMatchObject({ containerId: "c1", ifname: "net1", network: "vfs" });
    const [head, pf, vf] = tableOf(list).split("\n");
    expect(head).toMatch(/^ADDRESS +FUNCTION +NETDEV +DRIVER +IOMMU +IN USE BY$/);
    expect(pf).toMatch(/^0000:18:00.0 +PF, 5 of 8 VFs +eno1 +i40e +60$/);
    expect(vf).toMatch(/^ {2}0000:18:02.0 +VF 0 +- +vfio-pci +61 +c1 net1 vfs$/);
  });
});

describe("ADD and DEL", () => {
  test("set the VF through its own PF, move it, and put all back", async () => {
    const node = new SriovNode(IXGBE, DRIVERS);
    const before = node.sysfs.snapshot();
    const conf = { deviceID: "3b:10.3", vlan: 7, spoofchk: "off", max_tx_rate: 100, mtu: 9000 };
    const { interfaces } = await added(node, conf);
    const device = { mtu: 9000, pciID: "0000:3b:10.3" };
    expect(interfaces).toEqual([{ name: "net1", mac: "02:00:00:00:00:06", sandbox: POD, ...device }]);
    expect(node.ran.map(({ netns }) => netns)).toEqual([undefined, undefined, POD, POD]);
    expect(node.ran[1]?.lines).toEqual([
      "link set dev ens1f1v1 down",
      "link set dev ens1f1 vf 1 vlan 7 qos 0",
      "link set dev ens1f1 vf 1 spoofchk off",
      "link set dev ens1f1 vf 1 max_tx_rate 100",
      "link set dev ens1f1v1 netns /run/netns/pod name net1",
    ]);
    expect(node.ran[2]?.args.slice(4)).toEqual([
      "net/ipv4/conf/net1/arp_notify=1",
      "net/ipv6/conf/net1/ndisc_notify=1",
      "net/ipv6/conf/net1/optimistic_dad=1",
    ]);
    expect(node.ran[3]?.lines).toEqual(["link set dev net1 mtu 9000", "link set dev net1 up"]);
    expect(node.sysfs.link("net1", POD)).toMatchObject({ device: "0000:3b:10.3", mtu: 9000, isUp: true });

    node.ran.length = 0;
    await run(node, "DEL", conf);
    expect(node.ran[2]).toMatchObject({
      netns: POD,
      lines: ["link set dev net1 down", "link set dev net1 netns 1 name ens1f1v1"],
    });
    expect(node.ran[3]?.lines).toEqual([
      "link set dev ens1f1v1 down",
      "link set dev ens1f1 vf 1 vlan 0",
      "link set dev ens1f1 vf 1 spoofchk on",
      "link set dev ens1f1 vf 1 max_tx_rate 0",
      "link set dev ens1f1v1 mtu 1500",
      "link set dev ens1f1v1 up",
    ]);
    expect(node.sysfs.snapshot()).toBe(before);
    expect(allocations(node)).toEqual([]);
  });

  test("the netdev gets the addresses and routes of IPAM, and the result has them", async () => {
    const node = new SriovNode(IXGBE, DRIVERS);
    const ips = [{ address: "10.9.0.2/24", gateway: "10.9.0.1" }, { address: "fd00::2/64" }];
    const routes = [
      { dst: "0.0.0.0/0", mtu: 1400 },
      { dst: "fd01::/64", gw: "fd00::1", priority: 5 },
    ];
    node.ipam.set("host-local", { result: { cniVersion: "1.0.0", ips, routes } });
    const result = await added(node, { deviceID: "0000:3b:10.3", ipam: { type: "host-local" } });
    expect(
      node.ran.flatMap(({ args, lines, netns }) => (netns === POD ? [...args.slice(4), ...lines] : [])),
    ).toEqual([
      "net/ipv6/conf/lo/disable_ipv6=0",
      "net/ipv4/conf/net1/arp_notify=1",
      "net/ipv6/conf/net1/ndisc_notify=1",
      "net/ipv6/conf/net1/optimistic_dad=1",
      "net/ipv6/conf/net1/disable_ipv6=0",
      "net/ipv6/conf/net1/keep_addr_on_down=1",
      "address add 10.9.0.2/24 dev net1",
      "address add fd00::2/64 dev net1",
      "link set dev net1 up",
      "route append 0.0.0.0/0 dev net1 via 10.9.0.1 mtu 1400",
      "route append fd01::/64 dev net1 via fd00::1 metric 5",
      "show",
      "dev",
      "net1",
      // Announces them once more: there may have been no carrier yet.
      "link set dev net1 address 02:00:00:00:00:06",
    ]);
    expect(result).toMatchObject({ ips: ips.map((ip) => ({ ...ip, interface: 0 })), routes });
  });

  test("a driver that reads a VF's MAC address when it takes the VF takes it anew, also on the way back", async () => {
    const node = new SriovNode(IGB, DRIVERS);
    const before = node.sysfs.snapshot();
    const conf = { deviceID: "0000:01:10.0", mac: "02:00:00:00:00:77" };
    await run(node, "ADD", conf);
    expect(node.sysfs.link("net1", POD)?.mac).toBe("02:00:00:00:00:77");
    expect(node.ran.flatMap(({ lines }) => lines).filter((line) => line.includes(" vf 0 "))).toEqual([
      "link set dev eth0 vf 0 mac 02:00:00:00:00:77",
    ]);
    await run(node, "DEL", conf);
    expect(node.sysfs.snapshot()).toBe(before);
  });

  test.each([0, 30, 4990])("a netdev that comes %i ms after its driver is waited for", async (afterMs) => {
    const node = new SriovNode(IGB, DRIVERS, afterMs);
    const before = node.sysfs.snapshot();
    const conf = { deviceID: "0000:01:10.0", mac: "02:00:00:00:00:77" };
    await run(node, "ADD", conf);
    await run(node, "DEL", conf);
    expect(node.sysfs.snapshot()).toBe(before);
  });

  test("a netdev that does not come within five seconds fails the ADD, and the device stays allocated until it comes", async () => {
    const node = new SriovNode(IGB, DRIVERS, 12_000);
    const before = node.sysfs.snapshot();
    const conf = { deviceID: "0000:01:10.0", mac: "02:00:00:00:00:77" };
    await expect(run(node, "ADD", conf)).rejects.toMatchObject({
      code: Code.ioFailure,
      message: expect.stringMatching(/igbvf made no netdev within 5000 ms; .* its netdev came back neither/),
    });
    expect(allocations(node)).toHaveLength(1);
    await node.clock.sleep(12_000);
    await run(node, "DEL", conf);
    expect(node.sysfs.snapshot()).toBe(before);
  });

  test("the result of a conf of 1.1.0 has the PCI address", async () => {
    const node = new SriovNode(IXGBE, DRIVERS);
    const { interfaces } = await added(node, { cniVersion: "1.1.0", deviceID: "0000:3b:10.0", mtu: 1400 });
    expect(interfaces[0]).toMatchObject({ pciID: "0000:3b:10.0", mtu: 1400 });
  });

  test.each([
    [true, POD],
    [false, NODE],
  ])(
    "an RDMA device goes with its VF only if it can be in one namespace only: %s",
    async (rdmaExclusive, netns) => {
      const node = new SriovNode(MLX5, { ...DRIVERS, rdmaExclusive });
      const before = node.sysfs.snapshot();
      await run(node, "ADD", { deviceID: "0000:81:00.2" });
      expect(node.sysfs.rdma.get("mlx5_2")).toBe(netns);
      await run(node, "DEL", { deviceID: "0000:81:00.2" });
      expect(node.sysfs.snapshot()).toBe(before);
    },
  );

  test("a VF with a user-space driver keeps it, and has no netdev", async () => {
    const node = new SriovNode(I40E, DRIVERS);
    const before = node.sysfs.snapshot();
    const { interfaces } = await added(node, { deviceID: "0000:18:02.0", vlan: 5 });
    expect(interfaces).toEqual([{ name: "net1", sandbox: POD, pciID: "0000:18:02.0" }]);
    expect(node.sysfs.vfs("0000:18:00.0")?.[0]?.vlan).toBe(5);
    await run(node, "DEL", { deviceID: "0000:18:02.0", vlan: 5 });
    expect(node.sysfs.snapshot()).toBe(before);
  });

  test("a VF without a driver is bound to the one that is named, and has none again", async () => {
    const node = new SriovNode(I40E, DRIVERS);
    const conf = { deviceID: "0000:18:02.1", driver: "vfio-pci" };
    await run(node, "ADD", conf);
    expect(node.sysfs.driver("0000:18:02.1")).toBe("vfio-pci");
    await run(node, "DEL", conf);
    expect(node.sysfs.driver("0000:18:02.1")).toBe("");
  });

  test("a VF that is not in an IOMMU group is bound if no-IOMMU mode is on", async () => {
    const node = new SriovNode(I40E, { ...DRIVERS, noIommu: true });
    const before = node.sysfs.link("eno1v2");
    await run(node, "ADD", { deviceID: "0000:18:02.2", driver: "vfio-pci" });
    expect(node.sysfs.driver("0000:18:02.2")).toBe("vfio-pci");
    await run(node, "DEL", { deviceID: "0000:18:02.2", driver: "vfio-pci" });
    expect([node.sysfs.driver("0000:18:02.2"), node.sysfs.link("eno1v2")]).toEqual(["iavf", before]);
  });

  test("a whole device is taken only if the conf names it, and the node allows it", async () => {
    const node = new SriovNode(I40E, DRIVERS);
    node.files.set(DEVICES_FILE, '["0000:19:00.0"]');
    const conf = { deviceID: "0000:19:00.0", allowDevices: ["0000:19:00.0"] };
    const before = node.sysfs.snapshot();
    await run(node, "ADD", conf);
    expect(node.sysfs.link("net1", POD)?.device).toBe("0000:19:00.0");
    await run(node, "DEL", conf);
    expect(node.sysfs.snapshot()).toBe(before);
  });

  test.each(["vf 1 vlan", "netns /run", "mtu 9000", "net1 up"])(
    "what fails at `%s` is undone",
    async (step) => {
      const node = new SriovNode(IXGBE, DRIVERS);
      const before = node.sysfs.snapshot();
      node.failing = new RegExp(step);
      const conf = { deviceID: "0000:3b:10.3", vlan: 7, mtu: 9000 };
      await expect(run(node, "ADD", conf)).rejects.toThrow(/device 0000:3b:10.3: `ip link set/);
      expect(node.sysfs.snapshot()).toBe(before);
      expect(allocations(node)).toEqual([]);
    },
  );

  test("an ADD that IPAM fails is undone, with the addresses that it may have taken", async () => {
    const node = new SriovNode(IXGBE, DRIVERS);
    const before = node.sysfs.snapshot();
    node.ipam.set("host-local", { error: { cniVersion: "1.0.0", code: 11, msg: "no address is free" } });
    const conf = { deviceID: "0000:3b:10.3", ipam: { type: "host-local" } };
    await expect(run(node, "ADD", conf)).rejects.toMatchObject({
      code: Code.tryAgainLater,
      message: "device 0000:3b:10.3: no address is free; undoing it: no address is free",
    });
    expect(node.ran.flatMap(({ args: [name, verb] }) => (name === "host-local" ? verb : []))).toEqual([
      "ADD",
      "DEL",
    ]);
    expect(node.sysfs.snapshot()).toBe(before);
  });

  test.each([
    ["ADD", "a netdev with settings", IXGBE, { deviceID: "0000:3b:10.3", vlan: 7, trust: "on", mtu: 9000 }],
    ["DEL", "a netdev with settings", IXGBE, { deviceID: "0000:3b:10.3", vlan: 7, trust: "on", mtu: 9000 }],
    ["ADD", "igbvf", IGB, { deviceID: "0000:01:10.0", mac: "02:00:00:00:00:77", vlan: 7 }],
    ["ADD", "vfio-pci", IGB, { deviceID: "0000:01:10.0", driver: "vfio-pci", mac: "02:00:00:00:00:77" }],
    ["DEL", "vfio-pci", IGB, { deviceID: "0000:01:10.0", driver: "vfio-pci", mac: "02:00:00:00:00:77" }],
    ["ADD", "RDMA", MLX5, { deviceID: "0000:81:00.2", vlan: 7 }],
    ["DEL", "RDMA", MLX5, { deviceID: "0000:81:00.2", vlan: 7 }],
  ])("after a death in %s, at any change, DEL puts all back: %s", async (dying, _, devices, conf) => {
    let isDone = false;
    for (let changes = 0; !isDone; changes++) {
      expect(changes, "it ends").toBeLessThan(100);
      const node = new SriovNode(devices, { ...DRIVERS, rdmaExclusive: true });
      const before = node.sysfs.snapshot();
      if (dying === "DEL") await run(node, "ADD", conf);
      node.changesLeft = changes;
      isDone = await run(node, dying, conf).then(
        () => true,
        () => false,
      );
      node.changesLeft = Number.POSITIVE_INFINITY;
      await run(node, "DEL", conf);
      expect(node.sysfs.snapshot(), `after ${changes} changes`).toBe(before);
      expect(allocations(node)).toEqual([]);
    }
  });

  test("a VF comes back from a pod that has renamed it, and from a namespace that is gone", async () => {
    for (const leave of [
      ({ sysfs }: SriovNode) => Object.assign(sysfs.link("net1", POD) ?? {}, { name: "mine", isUp: false }),
      ({ sysfs }: SriovNode) => sysfs.removeNetns(POD),
    ]) {
      const node = new SriovNode(IXGBE, DRIVERS);
      const before = node.sysfs.snapshot();
      await run(node, "ADD", { deviceID: "0000:3b:10.3", vlan: 7 });
      leave(node);
      await run(node, "DEL", { deviceID: "0000:3b:10.3", vlan: 7 });
      expect(node.sysfs.snapshot()).toBe(before);
    }
  });

  test("a VF is taken back from a container whose namespace is gone", async () => {
    const node = new SriovNode(IXGBE, DRIVERS);
    const other = { CNI_CONTAINERID: "c0", CNI_NETNS: "/run/netns/other" };
    node.sysfs.addNetns("/run/netns/other");
    await run(node, "ADD", { deviceID: "0000:3b:10.3" }, other);
    node.sysfs.removeNetns("/run/netns/other");
    await run(node, "ADD", { deviceID: "0000:3b:10.3" });
    expect(node.logged).toEqual([
      "device 0000:3b:10.3 is taken back from container c0: the container's network namespace is gone",
    ]);
    expect(node.sysfs.link("net1", POD)?.device).toBe("0000:3b:10.3");
  });

  test("a VF that is gone, as its PF was reset, does not fail the DEL", async () => {
    const node = new SriovNode(IXGBE, DRIVERS);
    await run(node, "ADD", { deviceID: "0000:3b:10.3" });
    node.sysfs.remove("0000:3b:10.3");
    await run(node, "DEL", { deviceID: "0000:3b:10.3" });
    expect(allocations(node)).toEqual([]);
  });
});
