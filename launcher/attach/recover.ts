// What is attached to a container, by what is on disk: what DEL undoes, CHECK checks, and a retried ADD clears.
import type { Delegate } from "../core/index.ts";
import { Fault } from "../fault.ts";
import { type Call, subjectOf } from "./call.ts";
import { confNetworks } from "./networks.ts";

export interface Recovered {
  /** Does the container have any file at all? */
  any: boolean;
  /** In the order in which they were added. */
  delegates: Delegate[];
  /** The scratch file without them, where another call for the container has entries in it. */
  rest: string | undefined;
  /** Files of the result cache that nothing can be learned from. */
  unusable: string[];
  /** What was wrong with which file. */
  complaints: string[];
}

/** What this call's runtime attached: from the scratch file, else the result cache, else as the conf would now. */
export async function recover(call: Call): Promise<Recovered> {
  const { core, runtime, settings, state } = call;
  const files = state.read(runtime.containerId);
  const caches = [...files.caches];
  const { delegates, rest, unusable } = core.recover({
    runtime,
    ...files,
    caches: caches.map(([, text]) => text),
    runtimeConfig: settings.runtimeConfig,
  });
  const any = files.scratch !== undefined || caches.length > 0;
  // Every ADD begins with a scratch file. Where it is lost, so may be what only it had.
  const isLost = any && (files.scratch === undefined || unusable.some(({ cache }) => cache === undefined));
  return {
    any,
    delegates: isLost ? completed(delegates, await fromConf(call)) : delegates,
    rest,
    unusable: unusable.flatMap(({ cache }) => caches[cache ?? -1]?.[0] ?? []),
    complaints: unusable.map(({ why }) => why),
  };
}

/** The attachments of the conf, those that were found on disk as they were found; then what else was found. */
function completed(found: Delegate[], expected: Delegate[]): Delegate[] {
  const keyOf = ({ network, ifname }: Delegate) => `${network} ${ifname}`;
  const rest = new Map(found.map((delegate) => [keyOf(delegate), delegate]));
  const all = expected.map((delegate) => {
    const known = rest.get(keyOf(delegate));
    rest.delete(keyOf(delegate));
    return known ?? delegate;
  });
  return [...all, ...rest.values()];
}

async function fromConf(call: Call): Promise<Delegate[]> {
  const { core, log, runtime, settings } = call;
  try {
    const networks = await confNetworks(call);
    return core.plan({ runtime, networks, runtimeConfig: settings.runtimeConfig }).delegates;
  } catch (error) {
    log.write(
      "error",
      `${subjectOf(runtime)}: the conf says nothing of what was attached: ${Fault.of(error).message}`,
    );
    return [];
  }
}
