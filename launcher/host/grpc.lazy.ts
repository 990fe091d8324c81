// Calls a gRPC server on a unix socket, such as the kubelet's.
import { setTimeout as sleep } from "node:timers/promises";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";

/** A node with many pods and CPUs goes beyond gRPC's own 4 MiB; Multus allows as much. */
const MAX_MESSAGE = 16 << 20;

/** What the kubelet says to more than 10 calls at once (pkg/kubelet/apis/grpc/ratelimit.go); it takes 100 a second. */
const BUSY = "rejected by rate limit";

/**
 * Calls a method with an empty message. Waits for a server that is being restarted, or that has too much to do.
 *
 * @param limitMs milliseconds, for everything
 * @throws what gRPC says
 */
export async function callMethod(socket: string, method: string, limitMs: number): Promise<Uint8Array> {
  const client = new Client(`unix://${socket}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": MAX_MESSAGE,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1000,
    "grpc.enable_channelz": 0,
    "grpc.enable_http_proxy": 0,
    "grpc.service_config_disable_resolution": 1,
  });
  const deadline = Date.now() + limitMs;
  try {
    for (;;) {
      try {
        return await callOnce(client, method, deadline);
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

function callOnce(client: Client, method: string, deadline: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const bytes = (value: Buffer) => value;
    const answered = (error: ServiceError | null, value?: Buffer) =>
      value === undefined ? reject(error) : resolve(value);
    const metadata = new Metadata({ waitForReady: true });
    client.makeUnaryRequest(method, bytes, bytes, Buffer.alloc(0), metadata, { deadline }, answered);
  });
}

function isBusy(error: unknown): boolean {
  const { code, details } = error as ServiceError;
  return code === status.RESOURCE_EXHAUSTED && details.includes(BUSY);
}
