import { describe, expect, test } from "vitest";
import { Code } from "../../launcher/fault.ts";
import { sriov } from "../../launcher/sriov/plugin.ts";
import { DRIVERS, IXGBE } from "../support/sriov-nics.ts";
import { added, allocations, POD, pluginCall, run, SriovNode } from "../support/sriov-node.ts";

describe("CHECK", () => {
  const conf = { deviceID: "0000:3b:10.3", vlan: 7, mtu: 1400, ipam: { type: "host-local" } };

  test("passes after an ADD, and says all that has changed since", async () => {
    const node = new SriovNode(IXGBE, DRIVERS);
    node.ipam.set("host-local", { result: { cniVersion: "1.0.0", ips: [{ address: "10.9.0.2/24" }] } });
    const prevResult = await added(node, conf);
    await run(node, "CHECK", { ...conf, prevResult });
    const link = node.sysfs.link("net1", POD);
    if (link) Object.assign(link, { mtu: 1300, isUp: false, addresses: [] });
    Object.assign(node.sysfs.vfs("0000:3b:00.1")?.[1] ?? {}, { vlan: 8 });
    await expect(run(node, "CHECK", { ...conf, prevResult })).rejects.toThrow(
      "device 0000:3b:10.3 has changed since it was attached: vlan is 8, not 7; net1 is down; " +
        "net1 has MTU 1300, not 1400; net1 does not have 10.9.0.2/24",
    );
  });

  test("fails if a VF for user space has another driver now", async () => {
    const node = new SriovNode(IXGBE, DRIVERS);
    const bound = { deviceID: "0000:3b:10.3", driver: "vfio-pci" };
    await run(node, "ADD", bound);
    await run(node, "CHECK", bound);
    node.sysfs.set("/sys/bus/pci/drivers/vfio-pci/unbind", "0000:3b:10.3");
    await expect(run(node, "CHECK", bound)).rejects.toThrow("its driver is none, not vfio-pci");
  });

  test("fails for an attachment that there is not", () =>
    expect(run(new SriovNode(IXGBE, DRIVERS), "CHECK", conf)).rejects.toMatchObject({
      code: Code.unknownContainer,
    }));
});

test("GC gives back the VFs of a network whose attachments are not valid, and no others", async () => {
  const node = new SriovNode(IXGBE, DRIVERS);
  const add = (containerId: string, device: string, name: string) =>
    run(node, "ADD", { deviceID: device, name }, { CNI_CONTAINERID: containerId, CNI_IFNAME: containerId });
  await add("valid", "0000:3b:10.0", "vfs");
  await add("stale", "0000:3b:10.1", "vfs");
  await add("other", "0000:3b:10.2", "others");
  const valid = [{ containerID: "valid", ifname: "valid" }];
  await run(node, "GC", { "cni.dev/valid-attachments": valid });
  expect(allocations(node)).toEqual(["/state/sriov/0000:3b:10.0", "/state/sriov/0000:3b:10.2"]);
  expect(node.sysfs.link("ens1f1v0")?.device).toBe("0000:3b:10.1");
});

test.each([
  ["`null` for them", { "cni.dev/valid-attachments": null }],
  ["no list of them", {}],
])("GC gives back all VFs of a network if the runtime names no attachment: %s", async (_, none) => {
  const node = new SriovNode(IXGBE, DRIVERS);
  await run(node, "ADD", { deviceID: "0000:3b:10.0", name: "vfs" });
  const other = { CNI_CONTAINERID: "other", CNI_IFNAME: "net2" };
  await run(node, "ADD", { deviceID: "0000:3b:10.1", name: "others" }, other);
  await run(node, "GC", { name: "vfs", ...none });
  expect(allocations(node)).toEqual(["/state/sriov/0000:3b:10.1"]);
});

describe("with an executable of the same name", () => {
  test.each(["ADD", "DEL", "CHECK", "GC", "STATUS"])("plexus-sriov is built in for %s", async (verb) => {
    const call = pluginCall(new SriovNode(IXGBE, DRIVERS), verb, {});
    expect(await sriov.replaces("plexus-sriov", call)).toBe(true);
  });

  test.each([
    ["ADD", false],
    ["DEL", true],
    ["CHECK", true],
    ["GC", false],
  ])("sriov is built in for the %s of its own attachments: %s", async (verb, isBuiltIn) => {
    const node = new SriovNode(IXGBE, DRIVERS);
    const call = pluginCall(node, verb, {});
    expect(await sriov.replaces("sriov", call)).toBe(false);
    await run(node, "ADD", { deviceID: "0000:3b:10.3" });
    expect(await sriov.replaces("sriov", call)).toBe(isBuiltIn);
    const other = pluginCall(node, verb, {}, { CNI_IFNAME: "net2" });
    expect(await sriov.replaces("sriov", other)).toBe(false);
  });
});
