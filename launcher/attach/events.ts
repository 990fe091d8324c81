// The events that a pod's user reads.
import { MAX_EVENT_MESSAGE_BYTES, type Pod } from "../cluster/cluster.ts";
import type { Fault } from "../fault.ts";
import { visible } from "../log/visible.ts";
import type { Attachment, Call } from "./call.ts";

/**
 * Records the pod's attachments, each interface in Multus's words: its name, its addresses, its network. In one event, as far as
 * they fit: an event for each would cost a node that starts 100 pods hundreds of requests.
 */
export async function recordAttached({ cluster }: Call, pod: Pod, attachments: Attachment[]): Promise<void> {
  const parts = attachments.flatMap(({ delegate, result }) => {
    const addresses = addressesOf(result);
    if (addresses === undefined) return []; // no interface was made
    return [`${delegate.ifname} [${addresses.join(" ")}] from ${delegate.name}`];
  });
  while (parts.length > 0) {
    let message = `Add ${parts.shift()}`;
    while (parts[0] !== undefined && Buffer.byteLength(message + parts[0]) < MAX_EVENT_MESSAGE_BYTES) {
      message += `, ${parts.shift()}`;
    }
    await cluster?.recordEvent(pod, { type: "Normal", reason: "AddedInterface", message });
  }
}

/** Records that the pod was attached, but not as it asked. */
export async function recordWarning({ cluster }: Call, pod: Pod, message: string): Promise<void> {
  await cluster?.recordEvent(pod, {
    type: "Warning",
    reason: "CapabilityNotClaimed",
    message: visible(message),
  });
}

/** Records why the pod stays in ContainerCreating, and what to do. */
export async function recordFailed({ cluster }: Call, pod: Pod, fault: Fault): Promise<void> {
  const reason = fault.reason ?? "FailedToAttachNetworks";
  await cluster?.recordEvent(pod, { type: "Warning", reason, message: visible(fault.message) });
}

/** The addresses in a result of any version; undefined if it has neither interfaces nor addresses. */
function addressesOf(result: string): string[] | undefined {
  const { interfaces, ips, ip4, ip6 } = JSON.parse(result) as {
    interfaces?: unknown[];
    ips?: { address: string }[];
    ip4?: { ip: string };
    ip6?: { ip: string };
  };
  const old = [ip4, ip6].flatMap((one) => (one ? [one.ip] : []));
  if (interfaces === undefined && ips === undefined && old.length === 0) return undefined;
  return (ips ?? []).map(({ address }) => address).concat(old);
}
