// What becomes of a container's interfaces when its pod asks for others: the decision, without any effect.
//
// How it works: a network selection element is the same attachment as before if it asks for the same network and, where it names
// one, the same interface. One without a name goes to an attachment of its network that nobody names, so that neither the order
// of elements nor one that is gone renames an interface; a new one gets the lowest free name. What asks for something else is
// detached and attached anew, under its name. Attachments that no element is left for are detached. The default network stays.
import type { Delegate } from "../../packages/core/index.ts";

/** A network that is wanted, as it is planned, and the name that is asked for, if any. */
export interface Wanted {
  delegate: Delegate;
  asked: string | undefined;
}

/**
 * Gives every wanted network an interface, in their order.
 *
 * @param wanted the default network first; under whatever names, if none is asked for
 * @param attached what is on disk
 */
export function interfacesFor(wanted: readonly Wanted[], attached: readonly Delegate[]): string[] {
  const asked = new Set(wanted.flatMap((one) => one.asked ?? []));
  const free = attached.filter(({ default: isDefault, ifname }) => !isDefault && !asked.has(ifname));
  const given = new Map<Wanted, string>();
  // Those that ask for what is attached first: two elements of one network may have changed places.
  for (const isAlike of [(one: Delegate, other: Delegate) => !differs(one, other), isOfNetwork]) {
    for (const one of wanted) {
      if (one.asked !== undefined || one.delegate.default || given.has(one)) continue;
      const at = free.findIndex((other) => isAlike(one.delegate, other));
      const [other] = at < 0 ? [] : free.splice(at, 1);
      if (other) given.set(one, other.ifname);
    }
  }
  const taken = new Set([...asked, ...attached.map(({ ifname }) => ifname)]);
  return wanted.map((one) => {
    if (one.delegate.default) return one.delegate.ifname;
    const ifname = one.asked ?? given.get(one) ?? lowestFree(taken);
    taken.add(ifname);
    return ifname;
  });
}

function lowestFree(taken: ReadonlySet<string>): string {
  for (let number = 1; ; number++) if (!taken.has(`net${number}`)) return `net${number}`;
}

export interface Change {
  /** As they are on disk, in the order in which they were attached. */
  detach: Delegate[];
  /** As they are planned. */
  attach: Delegate[];
  /** As they are on disk: they stay as they are. */
  keep: Delegate[];
}

/**
 * Decides what is detached and what is attached.
 *
 * @param planned what is wanted, each under its name
 * @param attached what is on disk
 * @param noted the cache files of attachments with a note: somebody has begun to detach these
 */
export function decide(
  planned: readonly Delegate[],
  attached: readonly Delegate[],
  noted: ReadonlySet<string> = new Set(),
): Change {
  const wanted = new Map(planned.filter((one) => !one.default).map((one) => [one.ifname, one]));
  const change: Change = { detach: [], attach: [], keep: [] };
  for (const one of attached) {
    const plan = wanted.get(one.ifname);
    const stays = one.default || (plan !== undefined && isWhole(one, noted) && !differs(plan, one));
    (stays ? change.keep : change.detach).push(one);
    if (stays) wanted.delete(one.ifname);
  }
  change.attach.push(...wanted.values());
  return change;
}

/** One without a result was begun, and has not ended; one with a note may be half detached: somebody was killed, or a plugin failed. */
export function isWhole({ cacheFile, result }: Delegate, noted: ReadonlySet<string> = new Set()): boolean {
  return result !== undefined && !noted.has(cacheFile);
}

/** Does the pod ask for something else than what is attached? A change of the network's conf does not count. */
function differs(planned: Delegate, attached: Delegate): boolean {
  return requestOf(planned) !== requestOf(attached);
}

function isOfNetwork({ name }: Delegate, attached: Delegate): boolean {
  return name === attached.name;
}

/** Addresses of all kinds are in the capability arguments, whether a plugin claims them or not; `cni-args` are in each plugin's conf. */
function requestOf({ name, capabilityArgs, conf, deviceID, resourceName, gateways = [] }: Delegate): string {
  const { args, plugins } = JSON.parse(conf) as { args?: Args; plugins?: { args?: Args }[] };
  const cniArgs = args?.cni ?? plugins?.[0]?.args?.cni ?? "";
  return JSON.stringify([name, capabilityArgs ?? "", cniArgs, deviceID ?? "", resourceName ?? "", gateways]);
}

interface Args {
  cni?: unknown;
}
