// Device-info: a device plugin's description of a device goes to the CNI plugin, and from there into network-status.
// Source: NPWG device-info spec 1.1.0. The plan names the file that both sides use (assembly/plan/delegate.ts); DEL
// removes it with the attachment.
import { dirname } from "node:path";
import type { Delegate } from "../../packages/core/index.ts";
import { Fault } from "../fault.ts";
import type { Host } from "../host/host.ts";
import type { Log } from "../log/log.ts";
import { DEVICE_INFO_DIR } from "../paths.ts";

const FROM_DEVICE_PLUGINS = `${DEVICE_INFO_DIR}/dp`;

interface Ports {
  host: Host;
  log: Pick<Log, "write">;
}

/** The keys of each type's map: one of these texts if some are given, else any; `?` if it may be left out. */
const TYPES = new Map<unknown, Record<string, string[] | "text" | "text?">>(
  Object.entries({
    pci: {
      "pci-address": "text",
      "vhost-net": "text?",
      "rdma-device": "text?",
      "pf-pci-address": "text?",
      "representor-device": "text?",
    },
    vdpa: {
      "parent-device": "text",
      driver: ["vhost", "virtio"],
      path: "text",
      "pci-address": "text?",
      "pf-pci-address": "text?",
      "representor-device": "text?",
    },
    "vhost-user": { mode: ["client", "server"], path: "text" },
    // The spec has "inject-punt", the client library that everybody uses "punt".
    memif: { role: ["master", "slave"], path: "text", mode: ["ethernet", "ip", "punt", "inject-punt"] },
  }),
);

/**
 * Copies the device plugin's description of a delegate's device to where the delegate looks for it, before its ADD. A
 * failure is logged; the ADD goes on, as Multus has it.
 */
export async function offerDeviceInfo(
  { deviceInfoFile, deviceID, resourceName }: Delegate,
  { host, log }: Ports,
  dir = FROM_DEVICE_PLUGINS,
): Promise<void> {
  if (deviceInfoFile === undefined || !deviceID || !resourceName) return;
  const path = `${dir}/${flat(resourceName)}-${flat(deviceID)}-device.json`;
  try {
    const text = await host.read(path);
    if (text === undefined) return; // its device plugin says nothing
    requireObject(JSON.parse(text));
    await host.write(deviceInfoFile, text);
  } catch (error) {
    log.write("error", `device-info ${path} is not passed on: ${Fault.of(error).message}`);
  }
}

/**
 * Reads the device-info for network-status after a delegate's ADD, as JSON, or undefined if there is none. One that is
 * not as the spec has it is logged and left out.
 */
export async function readDeviceInfo(
  { deviceInfoFile }: Delegate,
  { host, log }: Ports,
): Promise<string | undefined> {
  if (deviceInfoFile === undefined) return undefined;
  try {
    const text = await host.read(deviceInfoFile);
    if (text === undefined) return undefined;
    requireValid(JSON.parse(text));
    return text.trim();
  } catch (error) {
    log.write(
      "error",
      `device-info ${deviceInfoFile} is left out of network-status: ${Fault.of(error).message}`,
    );
    return undefined;
  }
}

/** Removes the device-info with its attachment. The path is from a state file, so only one of a device-info counts. */
export async function removeDeviceInfo({ deviceInfoFile = "" }: Delegate, host: Host): Promise<void> {
  if (!deviceInfoFile.startsWith(`${DEVICE_INFO_DIR}/`) || deviceInfoFile.includes("/../")) return;
  await host.remove(deviceInfoFile);
  await host.clearTemporaries(dirname(deviceInfoFile));
}

/** A name as part of a file's name. */
function flat(name: string): string {
  return name.replaceAll("/", "-");
}

function requireValid(info: unknown): void {
  const { type, version, ...more } = requireObject(info);
  const keys = TYPES.get(type);
  if (keys === undefined) {
    throw new Error(`\`type\` is ${JSON.stringify(type)}; it must be one of ${[...TYPES.keys()].join(", ")}`);
  }
  if (typeof version !== "string" || !/^1\.\d+\.\d+$/.test(version)) {
    throw new Error(`\`version\` is ${JSON.stringify(version)}; it must be "1.1.0", or another 1.x.y`);
  }
  const device = requireObject(more[type as string], `\`${type}\``);
  for (const [key, rule] of Object.entries(keys)) {
    const value = device[key];
    if (value === undefined && rule === "text?") continue;
    const valid = Array.isArray(rule)
      ? rule.includes(value as string)
      : typeof value === "string" && value !== "";
    if (valid) continue;
    const expected = Array.isArray(rule) ? `one of ${rule.join(", ")}` : "a text";
    throw new Error(`\`${type}.${key}\` is ${JSON.stringify(value)}; it must be ${expected}`);
  }
}

function requireObject(value: unknown, what = "it"): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new Error(`${what} is not a JSON object`);
}
