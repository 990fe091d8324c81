// The file in which the kubelet's device manager keeps which pod has which devices.
// Source: kubernetes pkg/kubelet/cm/devicemanager/checkpoint; before 1.20 `DeviceIDs` was a list.
import { Code, Fault } from "../fault.ts";

interface Entry {
  PodUID: string;
  ResourceName: string;
  /** By NUMA node, or, of old, a list. */
  DeviceIDs: Record<string, string[]> | string[] | null;
}

/**
 * The devices of the pod with this UID: extended resource -> IDs.
 *
 * @param text the file's
 * @param path for messages
 */
export function checkpointDevices(text: string, path: string, uid: string): Map<string, string[]> {
  const devices = new Map<string, string[]>();
  for (const { PodUID, ResourceName, DeviceIDs } of entriesOf(text, path)) {
    if (PodUID !== uid) continue;
    const ids = Object.values(DeviceIDs ?? {}).flat();
    devices.set(ResourceName, [...(devices.get(ResourceName) ?? []), ...ids]);
  }
  return devices;
}

function entriesOf(text: string, path: string): Entry[] {
  let file: { Data?: { PodDeviceEntries?: unknown } } | null;
  try {
    file = JSON.parse(text);
  } catch (error) {
    throw unusable(path, `it is not whole, or not JSON: ${(error as Error).message}`);
  }
  if (typeof file?.Data !== "object") throw unusable(path, "it has no `Data`");
  const entries = file.Data.PodDeviceEntries ?? []; // null if no pod has any
  if (!Array.isArray(entries)) throw unusable(path, "`PodDeviceEntries` is not a list");
  const odd = entries.find((entry) => !isEntry(entry));
  if (odd === undefined) return entries;
  throw unusable(path, `an entry is not as the kubelet writes it: ${JSON.stringify(odd).slice(0, 300)}`);
}

function isEntry(entry: Partial<Entry> | null): boolean {
  if (typeof entry?.PodUID !== "string" || typeof entry.ResourceName !== "string") return false;
  const { DeviceIDs } = entry;
  if (DeviceIDs === null || DeviceIDs === undefined) return true;
  if (Array.isArray(DeviceIDs)) return isTexts(DeviceIDs);
  return typeof DeviceIDs === "object" && Object.values(DeviceIDs).every(isTexts);
}

/** Go writes an empty list as null. */
function isTexts(ids: unknown): boolean {
  return ids === null || (Array.isArray(ids) && ids.every((id) => typeof id === "string"));
}

function unusable(path: string, why: string): Fault {
  return new Fault(
    Code.decodeFailure,
    `cannot read the kubelet's device checkpoint ${path}: ${why}; restart the kubelet, which writes it anew`,
  );
}
