// The kubelet's pod-resources API, v1: which devices it has given to a pod.
// Source: k8s.io/kubelet/pkg/apis/podresources/v1/api.proto; the field numbers below are its.
import { Reader } from "protobufjs/minimal";
import type { ClaimedDevice, PodResources } from "./resources.ts";

/** Reads a pod's part of a ListPodResourcesResponse. */
export function resourcesIn(
  response: Uint8Array,
  { namespace, name }: { namespace: string; name: string },
): PodResources {
  const devices = new Map<string, string[]>();
  const claims: PodResources["claims"] = new Map();
  for (const pod of messages(response, 1)) {
    if (text(pod, 1) !== name || text(pod, 2) !== namespace) continue;
    for (const container of messages(pod, 3)) {
      for (const one of messages(container, 2)) {
        const resourceName = text(one, 1);
        devices.set(resourceName, [...(devices.get(resourceName) ?? []), ...texts(one, 2)]);
      }
      for (const one of messages(container, 5)) {
        const claim = `${text(one, 3)}/${text(one, 2)}`;
        const prepared = claims.get(claim) ?? new Map<string, ClaimedDevice>();
        for (const resource of messages(one, 4)) {
          const device = claimedDevice(resource);
          prepared.set(Object.values(device).join("/"), device); // containers can share it
        }
        claims.set(claim, prepared);
      }
    }
  }
  return { devices, claims };
}

/** A ClaimResource. */
function claimedDevice(message: Uint8Array): ClaimedDevice {
  return { driver: text(message, 2), pool: text(message, 3), device: text(message, 4) };
}

function text(message: Uint8Array, field: number): string {
  return texts(message, field).at(-1) ?? "";
}

function texts(message: Uint8Array, field: number): string[] {
  return values(message, field, (reader) => reader.string());
}

function messages(message: Uint8Array, field: number): Uint8Array[] {
  return values(message, field, (reader) => reader.bytes());
}

/** All values of one field of a message. */
function values<T>(message: Uint8Array, field: number, read: (reader: Reader) => T): T[] {
  const found: T[] = [];
  const reader = Reader.create(message);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === field) found.push(read(reader));
    else reader.skipType(tag & 7);
  }
  return found;
}
