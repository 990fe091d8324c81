// Which devices a container may have. Confs come from tenants too, so it is the node that says it.
import { Code, Fault } from "../fault.ts";
import type { Host } from "../host/host.ts";
import { DEVICES_FILE } from "../paths.ts";
import type { PciDevice } from "./device.ts";

/**
 * Throws a Fault unless the device is a VF, or the node's administrator allows it as a whole, and the conf names it.
 *
 * @param named the conf's `allowDevices`; undefined if the conf does not matter, as where a device is given back
 */
export async function requireAllowed(
  host: Pick<Host, "read">,
  { address, pf }: PciDevice,
  named: readonly string[] | undefined,
): Promise<void> {
  if (pf !== undefined) return;
  const what = `device ${address} is not a virtual function`;
  if (named !== undefined && !named.includes(address)) {
    throw new Fault(
      Code.invalidNetworkConfig,
      `${what}; use the address of a VF (\`plexus sriov list\` shows them), or name it in \`allowDevices\` if the container ` +
        "is to have the whole device",
    );
  }
  if ((await allowedOnNode(host)).includes(address)) return;
  throw new Fault(
    Code.invalidNetworkConfig,
    `${what}, and this node does not allow that a container has it; add it to the list in ${DEVICES_FILE}`,
  );
}

/** Reads the administrator's list; an empty one if there is none. */
async function allowedOnNode(host: Pick<Host, "read">): Promise<unknown[]> {
  const text = await host.read(DEVICES_FILE);
  if (text === undefined) return [];
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list)) return list;
  } catch {
    // It is not JSON, and so not a list either.
  }
  throw new Fault(
    Code.decodeFailure,
    `${DEVICES_FILE} is not a list of PCI addresses in JSON, such as ["0000:19:00.0"]; correct it`,
  );
}
