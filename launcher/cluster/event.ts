// An event about a pod, as the request that creates it. Source: Kubernetes API reference, Event v1.
import { MAX_EVENT_MESSAGE_BYTES, type Pod, type PodEvent } from "./cluster.ts";
import type { ApiRequest } from "./http.ts";

/**
 * @param path of the pod's namespace's events
 * @param now is in the event to the second
 */
export function eventRequest(path: string, pod: Pod, event: PodEvent, now: Date): ApiRequest {
  const time = `${now.toISOString().slice(0, 19)}Z`;
  const unique = process.hrtime.bigint().toString(16) + process.pid.toString(16);
  const { namespace, name, uid } = pod;
  return {
    method: "POST",
    path,
    type: "application/json",
    body: JSON.stringify({
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `${name.slice(0, 200).replace(/[-.]+$/, "")}.${unique}`, namespace },
      involvedObject: { apiVersion: "v1", kind: "Pod", namespace, name, uid },
      type: event.type,
      reason: event.reason,
      message: shortened(event.message),
      source: { component: "plexus" },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    }),
  };
}

/** Cuts a message to what Kubernetes takes, between two characters. */
function shortened(message: string): string {
  if (Buffer.byteLength(message) <= MAX_EVENT_MESSAGE_BYTES) return message;
  const space = new Uint8Array(MAX_EVENT_MESSAGE_BYTES - 3); // the bytes of "…"
  const { read } = new TextEncoder().encodeInto(message, space);
  return `${message.slice(0, read)}…`;
}
