import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { offerDeviceInfo, readDeviceInfo } from "../../launcher/device/deviceinfo.ts";
import { localHost } from "../../launcher/host/local.ts";
import type { Delegate } from "../../packages/core/index.ts";
import { loadCore } from "../support/core.ts";

let dir: string;
let logged: string[];
const ports = {
  host: localHost,
  log: { write: (_level: string, message: string) => logged.push(message) > 0 },
};

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "plexus-deviceinfo-"));
  mkdirSync(join(dir, "dp"));
  logged = [];
});

afterEach(() => rmSync(dir, { recursive: true }));

/** A delegate as the core plans it; only its file is moved to where the test may write. */
function planned(device?: { id: string; resourceName: string }): Delegate {
  const conf = (name: string) => JSON.stringify({ cniVersion: "1.0.0", name, type: "sriov" });
  const { delegates } = loadCore().plan({
    runtime: { containerId: "0123abc", ifname: "eth0", args: "" },
    networks: [
      { conf: conf("default"), source: "a conf" },
      { conf: conf("vf"), source: "a conf", name: "apps/vf", ...(device ? { device } : {}) },
    ],
  });
  const delegate = delegates[1] as Delegate;
  if (delegate.deviceInfoFile === undefined) return delegate;
  return {
    ...delegate,
    deviceInfoFile: delegate.deviceInfoFile.replace("/var/run/k8s.cni.cncf.io/devinfo", dir),
  };
}

const DEVICE = { id: "0000:03:02.1", resourceName: "vendor.com/vf" };
const PCI = { type: "pci", version: "1.1.0", pci: { "pci-address": "0000:03:02.1" } };

describe("before ADD", () => {
  test("what the device plugin says is offered to the CNI plugin, byte for byte", async () => {
    const text =
      '{ "type":"pci", "version":"1.1.0",\n "pci":{"pci-address":"0000:03:02.1"}, "vendor":18446744073709551615 }';
    writeFileSync(join(dir, "dp/vendor.com-vf-0000:03:02.1-device.json"), text);
    await offerDeviceInfo(planned(DEVICE), ports, join(dir, "dp"));
    expect(readFileSync(join(dir, "cni/apps-vf-0123abc_net1"), "utf8")).toBe(text);
  });

  test("a device's ID may have slashes, as a resource's name has", async () => {
    writeFileSync(join(dir, "dp/vendor.com-vf-dev-vhost-1-device.json"), JSON.stringify(PCI));
    await offerDeviceInfo(planned({ ...DEVICE, id: "dev/vhost/1" }), ports, join(dir, "dp"));
    expect(await readDeviceInfo(planned({ ...DEVICE, id: "dev/vhost/1" }), ports)).toBe(JSON.stringify(PCI));
  });

  test("a device plugin that says nothing is no error: the CNI plugin may", async () => {
    await offerDeviceInfo(planned(DEVICE), ports, join(dir, "dp"));
    expect(await readDeviceInfo(planned(DEVICE), ports)).toBeUndefined();
    expect(logged).toEqual([]);
  });

  test.each(["", '{"type":"pci"', "[]", "null"])(
    "anything but a JSON object is not offered: %j",
    async (text) => {
      writeFileSync(join(dir, "dp/vendor.com-vf-0000:03:02.1-device.json"), text);
      await offerDeviceInfo(planned(DEVICE), ports, join(dir, "dp"));
      expect(await localHost.exists(join(dir, "cni/apps-vf-0123abc_net1"))).toBe(false);
      expect(logged.join()).toContain("vendor.com-vf-0000:03:02.1-device.json is not passed on");
    },
  );

  test("a file that cannot be written is logged, and stops nothing", async () => {
    writeFileSync(join(dir, "dp/vendor.com-vf-0000:03:02.1-device.json"), JSON.stringify(PCI));
    writeFileSync(join(dir, "cni"), ""); // where the directory should be
    await offerDeviceInfo(planned(DEVICE), ports, join(dir, "dp"));
    expect(logged.join()).toContain("is not passed on");
  });
});

describe("after ADD", () => {
  const read = (text: string) => {
    mkdirSync(join(dir, "cni"), { recursive: true });
    writeFileSync(join(dir, "cni/apps-vf-0123abc_net1"), text);
    return readDeviceInfo(planned(DEVICE), ports);
  };

  test("a network without a device has no device-info", async () => {
    expect(await readDeviceInfo(planned(), ports)).toBeUndefined();
  });

  test("device-info goes into network-status", async () => {
    const deviceInfo = await read(`${JSON.stringify(PCI, null, 2)}\n`);
    const result = JSON.stringify({
      cniVersion: "1.0.0",
      interfaces: [{ name: "net1", sandbox: "/proc/1/ns/net" }],
    });
    const { networkStatus } = loadCore().status({
      attachments: [
        { delegate: { ...planned(DEVICE), deviceInfoFile: "" }, result, deviceInfo: deviceInfo ?? "" },
      ],
    });
    expect(JSON.parse(networkStatus)).toMatchObject([{ name: "apps/vf", "device-info": PCI }]);
  });

  test.each([
    { type: "pci", version: "1.0.0", pci: { "pci-address": "0000:03:02.1", "rdma-device": "mlx5_2" } },
    {
      type: "vdpa",
      version: "1.1.0",
      vdpa: {
        "parent-device": "vdpa2",
        driver: "vhost",
        path: "/dev/vhost-vdpa0",
        "pci-address": "0000:02:01.6",
      },
    },
    { type: "vhost-user", version: "1.1.0", "vhost-user": { mode: "client", path: "/run/vhost.sock" } },
    { type: "memif", version: "1.1.0", memif: { role: "slave", path: "/run/memif.sock", mode: "punt" } },
  ])("device-info of type $type is as the spec has it", async (info) => {
    expect(await read(JSON.stringify(info))).toBe(JSON.stringify(info));
    expect(logged).toEqual([]);
  });

  test.each([
    ["", "JSON"],
    ["[]", "not a JSON object"],
    ['{"type":"usb","version":"1.1.0","usb":{}}', "`type`"],
    ['{"type":"toString","version":"1.1.0"}', "`type`"],
    ['{"version":"1.1.0"}', "`type`"],
    ['{"type":"pci","pci":{"pci-address":"0000:03:02.1"}}', "`version`"],
    ['{"type":"pci","version":"2.0.0","pci":{"pci-address":"0000:03:02.1"}}', "`version`"],
    ['{"type":"pci","version":"1.1.0"}', "`pci`"],
    ['{"type":"pci","version":"1.1.0","pci":{}}', "`pci.pci-address`"],
    ['{"type":"pci","version":"1.1.0","pci":{"pci-address":""}}', "`pci.pci-address`"],
    ['{"type":"pci","version":"1.1.0","pci":{"pci-address":3}}', "`pci.pci-address`"],
    ['{"type":"pci","version":"1.1.0","pci":{"pci-address":"a","vhost-net":{}}}', "`pci.vhost-net`"],
    [
      '{"type":"vdpa","version":"1.1.0","vdpa":{"parent-device":"a","driver":"b","path":"c"}}',
      "`vdpa.driver`",
    ],
    ['{"type":"vhost-user","version":"1.1.0","vhost-user":{"mode":"both","path":"a"}}', "`vhost-user.mode`"],
    ['{"type":"memif","version":"1.1.0","memif":{"role":"slave","mode":"ip"}}', "`memif.path`"],
  ])("%s is left out, and the log says why", async (text, why) => {
    expect(await read(text)).toBeUndefined();
    expect(logged.join()).toContain("is left out of network-status");
    expect(logged.join()).toContain(why);
  });
});
