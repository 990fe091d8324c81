// A rehearsal: would a conf work on this node? All of an ADD that changes nothing, before a runtime is given the conf.
import { Fault } from "../fault.ts";
import type { Call } from "./call.ts";
import { requirePlugins } from "./execute.ts";
import { hasty } from "./hasty.ts";
import { confNetworks } from "./networks.ts";
import { status } from "./status.ts";

/** For the API server, which is asked one question. */
const PATIENCE_MS = 10_000;
/** A name that nobody gives to a NetworkAttachmentDefinition: only the right to read one is in question. */
const NOBODY = "plexus-rehearsal";

/**
 * Asks for STATUS, asks the API server whether NetworkAttachmentDefinitions may be read, plans the ADD of a container that is
 * not a pod's, and looks for all its plugins. Throws a Fault if one of these fails.
 *
 * @returns the networks that every container gets, as `name (plugin, plugin) on ifname`
 */
export async function rehearse(call: Call): Promise<string[]> {
  await status(call);
  const { multusNamespace } = call.settings;
  await hasty(call, PATIENCE_MS)
    .cluster?.nad(multusNamespace, NOBODY)
    .catch((error: unknown) => {
      throw Fault.of(error).during("reading NetworkAttachmentDefinitions");
    });
  const { delegates } = call.core.plan({ runtime: call.runtime, networks: await confNetworks(call) });
  await requirePlugins(call, delegates);
  return delegates.map(({ name, plugins, ifname }) => `${name} (${plugins.join(", ")}) on ${ifname}`);
}
