// Requests that no plugin of their network takes. Source: NPWG NAD spec v1.3, section 4.1.2.1: they must fail; Multus
// attaches the pod without them.
import type { Delegate } from "../../packages/core/index.ts";
import { Code, Fault } from "../fault.ts";
import { type Call, subjectOf } from "./call.ts";
import type { Warning } from "./events.ts";

/**
 * Finds the requests that no plugin claims the capability for. Throws a Fault if the conf has it so (`capabilityCheck`).
 *
 * @returns a warning for each network that has some
 */
export function checkCapabilities(
  { log, runtime, settings }: Call,
  delegates: readonly Delegate[],
): Warning[] {
  if (settings.capabilityCheck === "off") return [];
  const warnings = delegates.flatMap(({ name, ifname, unclaimed = [] }) => {
    if (unclaimed.length === 0) return [];
    const line = unclaimed.map((capability) => `"${capability}": true`).join(", ");
    const asked = unclaimed.map((capability) => `\`${capability}\``).join(", ");
    return (
      `network ${name} on ${ifname}: ${asked} is asked for, and its plugins do not claim the capability; ` +
      `add "capabilities": {${line}} to the plugin in the network's conf that supports it [missing-capability]`
    );
  });
  const [first] = warnings;
  if (first !== undefined && settings.capabilityCheck === "fail") {
    throw new Fault(Code.invalidNetworkConfig, first);
  }
  for (const warning of warnings) log.write("error", `ADD ${subjectOf(runtime)}: ${warning}`);
  return warnings.map((message) => ({ reason: "CapabilityNotClaimed", message }));
}
