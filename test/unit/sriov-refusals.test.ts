import { describe, expect, test } from "vitest";
import { Code } from "../../launcher/fault.ts";
import { readConf } from "../../launcher/sriov/conf.ts";
import { DRIVERS, I40E } from "../support/sriov-nics.ts";
import { run, SriovNode } from "../support/sriov-node.ts";

describe("refused", () => {
  const refused = async (
    conf: object,
    code: number,
    message: RegExp,
    node = new SriovNode(I40E, DRIVERS),
  ) => {
    const before = [...node.files];
    await expect(run(node, "ADD", conf)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect([...node.files]).toEqual(before);
  };

  test("a device that is in use", async () => {
    const node = new SriovNode(I40E, DRIVERS);
    await run(node, "ADD", { deviceID: "0000:18:02.0" }, { CNI_CONTAINERID: "c0" });
    await refused(
      { deviceID: "0000:18:02.0" },
      Code.tryAgainLater,
      /in use: container c0 has it as net1/,
      node,
    );
  });

  test("vfio-pci for a device that is not in an IOMMU group", () =>
    refused(
      { deviceID: "0000:18:02.2", driver: "vfio-pci" },
      Code.pluginNotAvailable,
      /0000:18:02.2 cannot be bound to vfio-pci: it is not in an IOMMU group; boot with intel_iommu=on .*no-IOMMU/,
    ));

  test("vfio-pci if another device of the group has a kernel driver", () =>
    refused(
      { deviceID: "0000:18:02.3", driver: "vfio-pci" },
      Code.invalidNetworkConfig,
      /0000:18:02.4 is in the same IOMMU group, 63, and has driver iavf/,
    ));

  test("a driver that is not loaded", () =>
    refused({ deviceID: "0000:18:02.3", driver: "igb_uio" }, Code.pluginNotAvailable, /modprobe igb_uio/));

  test("a VF without a driver", () =>
    refused({ deviceID: "0000:18:02.1" }, Code.invalidNetworkConfig, /has no driver/));

  test("a PF", () =>
    refused({ deviceID: "0000:18:00.0" }, Code.invalidNetworkConfig, /is not a virtual function/));

  test("a VF whose netdev something else has", async () => {
    const node = new SriovNode(I40E, DRIVERS);
    Object.assign(node.sysfs.link("eno1v3") ?? {}, { netns: "/run/netns/other" });
    await refused({ deviceID: "0000:18:02.3" }, Code.tryAgainLater, /something else has it/, node);
  });

  test("settings of a PF without a netdev", async () => {
    const node = new SriovNode(I40E, DRIVERS);
    Object.assign(node.sysfs.link("eno1") ?? {}, { netns: "/run/netns/other" });
    await refused(
      { deviceID: "0000:18:02.3", vlan: 4 },
      Code.invalidNetworkConfig,
      /0000:18:00.0 has no netdev/,
      node,
    );
  });

  test.each([
    [{ deviceID: "eth0" }, /`deviceID` is "eth0"; it must be a PCI address/],
    [{ deviceID: "0000:18:02.0/../x" }, /a PCI address/],
    [{ vlan: 4095 }, /`vlan` is 4095; it must be a whole number from 0 to 4094/],
    [{ vlan: "5" }, /`vlan` is "5"/],
    [{ vlanQoS: 3 }, /`vlanQoS` needs a `vlan`/],
    [{ vlan: 3, vlanQoS: 8 }, /`vlanQoS` is 8/],
    [{ vlan: 0, vlanProto: "802.1ad" }, /`vlanProto` 802.1ad needs/],
    [{ vlan: 1, vlanProto: "q" }, /must be one of 802.1q, 802.1ad/],
    [{ spoofchk: "yes" }, /`spoofchk` is "yes"; it must be one of on, off/],
    [{ link_state: "up" }, /auto, enable, disable/],
    [{ min_tx_rate: 9, max_tx_rate: 8 }, /`min_tx_rate` is 9; it must not be above/],
    [{ max_tx_rate: -1 }, /`max_tx_rate` is -1/],
    [{ mac: "01:00:00:00:00:01" }, /a unicast one/],
    [{ mac: "x\nlink del dev eth0" }, /MAC address/],
    [{ mtu: 10 }, /`mtu` is 10/],
    [{ driver: "../evil" }, /`driver` is/],
    [{ allowDevices: "all" }, /`allowDevices` must be a list of strings/],
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
