// Why a network's plugin may have failed: what its conf names and the node does not have, in the words of `plexus lint`.
// Plugins' own errors do not say: of `master` that is not there, macvlan says "Link not found".
import type { Delegate } from "../../packages/core/index.ts";
import { Fault } from "../fault.ts";
import type { Call } from "./call.ts";

const LINKS = "/sys/class/net";
const DEVICES = "/sys/bus/pci/devices";
/** Characters. Nobody writes a longer one, and to look at one of a megabyte keeps a resident process's other calls waiting. */
const LONGEST_CONF = 1 << 16;

/** Returns the fault of a delegate's plugin, with what in its conf may be why. It never fails itself. */
export async function withCauses(call: Call, delegate: Delegate, fault: Fault): Promise<Fault> {
  const causes = await causesOf(call, delegate, fault).catch((error: unknown) => {
    call.log.write("debug", `${delegate.name}: the causes are not known: ${Fault.of(error).message}`);
    return [];
  });
  const said = causes.map(({ found, remedy, rule }) => `${found}; ${remedy} [${rule}]`);
  return said.length === 0 ? fault : fault.followedBy(`; ${said.join("; ")}`);
}

async function causesOf({ host, linter }: Call, delegate: Delegate, { message }: Fault) {
  if (!linter || delegate.conf.length > LONGEST_CONF) return [];
  const [interfaces, devices] = await Promise.all([host.links?.() ?? host.list(LINKS), host.list(DEVICES)]);
  // What is not there cannot be read: then nothing is said to be missing.
  const known = { ...(interfaces.length > 0 && { interfaces }), ...(devices.length > 0 && { devices }) };
  return linter().causes({ conf: delegate.conf, message, ...known });
}
