// Requests that no plugin of their network takes. Source: NPWG NAD spec v1.3, section 4.1.2.1: they must fail; Multus
// attaches the pod without them.
import type { Delegate } from "../core/index.ts";
import { Code, Fault } from "../fault.ts";
import { type Call, subjectOf } from "./call.ts";

/**
 * Finds the requests that no plugin claims the capability for. Throws a Fault if the conf has it so (`capabilityCheck`).
 *
 * @returns a warning for each network that has some
 */
export function checkCapabilities(
  { log, runtime, settings }: Call,
  delegates: readonly Delegate[],
): string[] {
  if (settings.capabilityCheck === "off") return [];
  const warnings = delegates.flatMap(({ name, ifname, unclaimed = [] }) => {
    if (unclaimed.length === 0) return [];
    const line = unclaimed.map((capability) => `"${capability}": true`).join(", ");
    return (
      `network ${name} on ${ifname}: the pod's request for ${unclaimed.join(", ")} reaches no plugin, as none claims that ` +
      `capability; add "capabilities": { ${line} } to the plugin of the network's conf that supports it`
    );
  });
  const [first] = warnings;
  if (first !== undefined && settings.capabilityCheck === "fail") {
    throw new Fault(Code.invalidNetworkConfig, first);
  }
  for (const warning of warnings) log.write("error", `ADD ${subjectOf(runtime)}: ${warning}`);
  return warnings;
}
