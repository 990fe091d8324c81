// The events that a pod's user reads. Nobody else waits for them: a process that lives on sends them later.
import { MAX_EVENT_MESSAGE_BYTES, type Pod, type PodEvent } from "../cluster/cluster.ts";
import { Fault } from "../fault.ts";
import { visible } from "../log/visible.ts";
import { type Attachment, type Call, subjectOf } from "./call.ts";
import { networkDataOf } from "./networkdata.ts";

const encoder = new TextEncoder();

/** How long a call in a process of its own may wait until all its events are taken. */
const LIMIT_MS = 5_000;

/** How a pod was attached, but not as it asked. */
export interface Warning {
  reason: "CapabilityNotClaimed" | "RequestNotMet";
  message: string;
}

/**
 * Records the pod's attachments, each interface in Multus's words: its name, its addresses, its network. In one event, as far as
 * they fit: an event for each would cost a node that starts 100 pods hundreds of requests. Then an event for each warning:
 * how the pod was attached, but not as it asked.
 */
export async function recordAttached(
  call: Call,
  pod: Pod,
  attachments: Attachment[],
  warnings: Warning[],
): Promise<void> {
  const events: PodEvent[] = [];
  const parts = attachments.flatMap(({ delegate, result }) => {
    const addresses = addressesOf(result);
    if (addresses === undefined) return []; // no interface was made
    return [`${delegate.ifname} [${addresses.join(" ")}] from ${delegate.name}`];
  });
  while (parts.length > 0) {
    let message = `Add ${parts.shift()}`;
    while (parts[0] !== undefined && lengthOf(message + parts[0]) < MAX_EVENT_MESSAGE_BYTES) {
      message += `, ${parts.shift()}`;
    }
    events.push({ type: "Normal", reason: "AddedInterface", message });
  }
  for (const warning of warnings) events.push({ type: "Warning", ...warning });
  await record(call, pod, events);
  describeDevices(call, pod, attachments);
}

/** Has the pod's ResourceClaims say what their devices are in it, where somebody lives on to do so. */
function describeDevices({ core, log, outbox }: Call, pod: Pod, attachments: readonly Attachment[]): void {
  if (!outbox?.describe || (pod.resourceClaims.size === 0 && !pod.extendedResourceClaim)) return;
  const devices = attachments.flatMap(({ delegate, result }) => {
    const { deviceID: deviceId, ifname, resourceName } = delegate;
    if (deviceId === undefined || resourceName === undefined) return [];
    try {
      return [{ deviceId, resourceName, data: networkDataOf(ifname, inOneVersion(core, result)) }];
    } catch (error) {
      log.write("error", `no claim says what device ${deviceId} is: ${Fault.of(error).message}`);
      return [];
    }
  });
  if (devices.length > 0) outbox.describe(pod, devices);
}

function inOneVersion(core: Call["core"], result: string): string {
  return core.convert({ result, cniVersion: "1.0.0" });
}

/** Records why the pod stays in ContainerCreating, and what to do. */
export async function recordFailed(call: Call, pod: Pod, fault: Fault): Promise<void> {
  const reason = fault.reason ?? "FailedToAttachNetworks";
  await record(call, pod, [{ type: "Warning", reason, message: fault.message }]);
}

/** Records that a pod that runs has lost an interface. */
export async function recordRemoved(
  call: Call,
  pod: Pod,
  { ifname, name }: Attachment["delegate"],
): Promise<void> {
  const message = `Remove ${ifname} from ${name}`;
  await record(call, pod, [{ type: "Normal", reason: "RemovedInterface", message }]);
}

/** An event that is lost changes nothing: its message is in the log too, or in the answer to the runtime. */
async function record(call: Call, pod: Pod, events: PodEvent[]): Promise<void> {
  const { clock, cluster, log, outbox, runtime } = call;
  if (!cluster) return;
  const shown = events.map((event) => ({ ...event, message: visible(event.message) }));
  if (outbox) {
    for (const event of shown) outbox.put(cluster, pod, event);
    return;
  }
  const limit = { deadlineMs: clock.now() + LIMIT_MS };
  const lost: Fault[] = [];
  for (const event of shown) {
    await cluster.recordEvent(pod, event, limit).catch((error: unknown) => lost.push(Fault.of(error)));
  }
  const [first] = lost;
  if (first) log.write("error", `${subjectOf(runtime)}: its user is not told by an event: ${first.message}`);
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

/** In bytes of UTF-8. */
function lengthOf(text: string): number {
  return encoder.encode(text).length;
}
