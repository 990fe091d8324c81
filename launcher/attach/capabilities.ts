// Requests that no plugin of their network takes. Source: NPWG NAD spec v1.3, section 4.1.2.1: they must fail; Multus
// attaches the pod without them.
import type { Delegate } from "../../packages/core/index.ts";
import { Code, Fault } from "../fault.ts";
import { type Call, subjectOf } from "./call.ts";
import type { Warning } from "./events.ts";

/** Throws a Fault if there is a request that no plugin claims the capability for, and the conf has it so (`capabilityCheck`). */
export function checkCapabilities({ settings }: Call, delegates: readonly Delegate[]): void {
  if (settings.capabilityCheck !== "fail") return;
  const [first] = delegates.flatMap((delegate) => messageOf(delegate, delegate.unclaimed ?? []));
  if (first !== undefined) throw new Fault(Code.invalidNetworkConfig, first);
}

/**
 * Finds the requests that no plugin claims the capability for, and logs them.
 *
 * @param isGiven whether a network gave what it was asked for even so: some plugins take `IP` or `MAC` of CNI_ARGS
 * @returns a warning for each network that has some
 */
export function capabilityWarnings(
  { log, runtime, settings }: Call,
  delegates: readonly Delegate[],
  isGiven: (delegate: Delegate, capability: string) => boolean,
): Warning[] {
  if (settings.capabilityCheck === "off") return [];
  const messages = delegates.flatMap((delegate) =>
    messageOf(
      delegate,
      (delegate.unclaimed ?? []).filter((capability) => !isGiven(delegate, capability)),
    ),
  );
  for (const message of messages) log.write("error", `ADD ${subjectOf(runtime)}: ${message}`);
  return messages.map((message) => ({ reason: "CapabilityNotClaimed", message }));
}

function messageOf({ default: isDefault, name, ifname }: Delegate, unclaimed: readonly string[]): string[] {
  if (unclaimed.length === 0) return [];
  const line = unclaimed.map((capability) => `"${capability}": true`).join(", ");
  const asked = unclaimed.map((capability) => `\`${capability}\``).join(", ");
  if (isDefault) {
    return [
      `network ${name} on ${ifname}: ${asked} is asked for, and the plugins of the default network are given no requests; ` +
        "remove it, or attach the network by k8s.v1.cni.cncf.io/networks [missing-capability]",
    ];
  }
  return [
    `network ${name} on ${ifname}: ${asked} is asked for, and its plugins do not claim the capability; ` +
      `add "capabilities": {${line}} to the plugin in the network's conf that supports it [missing-capability]`,
  ];
}
