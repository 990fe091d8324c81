// The kubelet's pod-resources API, v1: which devices it has given to a pod.
// Source: k8s.io/kubelet/pkg/apis/podresources/v1/api.proto; the field numbers below are its.
import { setTimeout as sleep } from "node:timers/promises";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { Reader } from "protobufjs/minimal";
import type { ClaimedDevice, PodResources } from "./resources.ts";

const LIST = "/v1.PodResourcesLister/List";

/** A node with many pods and CPUs goes beyond gRPC's own 4 MiB; Multus allows as much. */
const MAX_MESSAGE = 16 << 20;

/** What the kubelet says to more than 10 calls at once (pkg/kubelet/apis/grpc/ratelimit.go); it takes 100 a second. */
const BUSY = "rejected by rate limit";

/**
 * Asks the kubelet. One that is just being restarted, or that has too much to do, is waited for.
 *
 * @param timeout milliseconds, for everything
 * @throws what gRPC says
 */
export async function podResources(
  socket: string,
  pod: { namespace: string; name: string },
  timeout: number,
): Promise<PodResources> {
  const client = new Client(`unix://${socket}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": MAX_MESSAGE,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1000,
    "grpc.enable_channelz": 0,
    "grpc.enable_http_proxy": 0,
    "grpc.service_config_disable_resolution": 1,
  });
  const deadline = Date.now() + timeout;
  try {
    for (;;) {
      try {
        return resourcesIn(await list(client, deadline), pod);
      } catch (error) {
        const pause = 20 + Math.random() * 100; // those that were refused together do not come back together
        if (!isBusy(error) || Date.now() + pause > deadline) throw error;
        await sleep(pause);
      }
    }
  } finally {
    client.close();
  }
}

function list(client: Client, deadline: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const bytes = (value: Buffer) => value;
    const answered = (error: ServiceError | null, value?: Buffer) =>
      value === undefined ? reject(error) : resolve(value);
    const metadata = new Metadata({ waitForReady: true });
    client.makeUnaryRequest(LIST, bytes, bytes, Buffer.alloc(0), metadata, { deadline }, answered);
  });
}

function isBusy(error: unknown): boolean {
  const { code, details } = error as ServiceError;
  return code === status.RESOURCE_EXHAUSTED && details.includes(BUSY);
}

/** What of a ListPodResourcesResponse is this pod's. */
function resourcesIn(
  response: Buffer,
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
