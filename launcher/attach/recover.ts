// The attachments of a container, by the files on disk: DEL undoes them, CHECK checks them, a retried ADD clears them.
//
// How it works: the scratch file has the delegates of an ADD from before the first one ran, the result cache has a file for
// each one that succeeded. The core makes one list of both, and either is enough: a file may be torn by a loss of power,
// removed by hand, or written by Multus. If the scratch file is lost, the attachments that it alone had are unknown: then
// those that the pod, or else the conf, would get now are taken to be there too. A DEL of something that is not there
// succeeds, by the CNI spec, so too long a list does no harm, while too short a one leaks.

import type { Delegate, Network } from "../../packages/core/index.ts";
import type { Pod } from "../cluster/cluster.ts";
import { Fault } from "../fault.ts";
import { LeftToNode } from "../host/host.ts";
import { type Call, subjectOf } from "./call.ts";
import { delegatesIn } from "./files.ts";
import { hasty } from "./hasty.ts";
import { confNetworks, podNetworks } from "./networks.ts";
import { findPod, isPod } from "./pod.ts";

/** A DEL does without the API server and the kubelet if all their answers together take longer. */
const QUICK_MS = 2000;

export interface Recovered {
  /** Does the container have any file at all? */
  any: boolean;
  /** In the order in which they were added. */
  delegates: Delegate[];
  /** The scratch file without them, if another call for the container has entries in it. */
  rest: string | undefined;
  /** Files of the result cache that nothing can be learned from. */
  unusable: string[];
  /** Which file was unusable, and why. */
  complaints: string[];
}

/** The attachments of this call's container and interface: from the scratch file and the result cache. */
export async function recover(call: Call): Promise<Recovered> {
  const { core, runtime, settings, state } = call;
  const files = await state.read(runtime.containerId);
  const { runtimeConfig, runtimePortMappings } = settings;
  const { delegates, rest, unusable } = delegatesIn(core, files, {
    runtime,
    runtimeConfig,
    runtimePortMappings,
  });
  const any = files.scratch !== undefined || files.caches.size > 0;
  // Every ADD begins with a scratch file. If it is lost, so are the attachments that only it had.
  const isLost = any && (files.scratch === undefined || unusable.some(({ cache }) => cache === undefined));
  return {
    any,
    delegates: isLost ? completed(delegates, await expected(call)) : delegates,
    rest,
    unusable: unusable.flatMap(({ cache }) => cache ?? []),
    complaints: unusable.map(({ why }) => why),
  };
}

/** The attachments that are expected, those found on disk as they were found; then what else was found, net1 before net2. */
function completed(found: Delegate[], expected: Delegate[]): Delegate[] {
  const keyOf = ({ network, ifname }: Delegate) => `${network} ${ifname}`;
  const rest = new Map(found.map((delegate) => [keyOf(delegate), delegate]));
  const all = expected.map((delegate) => {
    const known = rest.get(keyOf(delegate));
    rest.delete(keyOf(delegate));
    return known ?? delegate;
  });
  return [...all, ...[...rest.values()].sort((one, other) => placeOf(one) - placeOf(other))];
}

/**
 * Files do not tell the order in which attachments were added, but names do: the default network was first, `net1` before
 * `net2`. What the pod has named itself comes last.
 */
function placeOf({ ifname, default: isDefault }: Delegate): number {
  return isDefault ? 0 : Number(/^net(\d+)$/.exec(ifname)?.[1] ?? Number.MAX_SAFE_INTEGER);
}

/**
 * The delegates that a pod without any file would get now: its ADD may have been cut off, or its files removed. None if
 * the pod is gone, or the API server does not answer quickly.
 */
export async function recoverFromPod(call: Call): Promise<Delegate[]> {
  const guess = new Guess(hasty(call, QUICK_MS));
  const pod = await guess.pod();
  return pod ? guess.delegates(pod) : [];
}

async function expected(call: Call): Promise<Delegate[]> {
  const guess = new Guess(hasty(call, QUICK_MS));
  return guess.delegates(await guess.pod());
}

/** What was attached, as nearly as can be told without files. Each reason why it cannot is logged once. */
class Guess {
  private readonly said = new Set<string>();

  constructor(private readonly call: Call) {}

  /** Undefined if there is none, or the API server does not answer. */
  async pod(): Promise<Pod | undefined> {
    if (!isPod(this.call)) return undefined;
    try {
      return await findPod(this.call);
    } catch (error) {
      this.complain("cannot ask the API server for the pod", error);
      return undefined;
    }
  }

  /** By the pod, if it and its networks are known; else by the conf alone. */
  async delegates(pod: Pod | undefined): Promise<Delegate[]> {
    const { call } = this;
    const { core, runtime, settings } = call;
    const sources: (() => Promise<Network[]>)[] = [() => confNetworks(call)];
    if (pod) sources.unshift(() => podNetworks(call, pod));
    for (const ask of sources) {
      try {
        const networks = await ask();
        const { runtimeConfig, runtimePortMappings } = settings;
        return core.plan({ runtime, networks, runtimeConfig, runtimePortMappings }).delegates;
      } catch (error) {
        this.complain("cannot determine what was attached", error);
      }
    }
    return [];
  }

  /** What only `plexus` on the node can find out is left to it, before anything is done on less. */
  private complain(what: string, error: unknown): void {
    if (error instanceof LeftToNode) throw error;
    const { message } = Fault.of(error);
    if (this.said.has(message)) return;
    this.said.add(message);
    this.call.log.write("error", `${subjectOf(this.call.runtime)}: ${what}: ${message}`);
  }
}
