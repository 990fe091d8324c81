// What becomes of a container's interfaces when its pod asks for others: the decision, without any effect.
//
// How it works: a network selection element is the same attachment as before if it asks for the same network and, where it names
// one, the same interface. One without a name goes to an attachment of its network that nobody names, so that neither the order
// of elements nor one that is gone renames an interface; a new one gets the lowest free name. What asks for something else is
// detached and attached anew, under its name. Attachments that no element is left for are detached. The default network stays.
//
// Others attach too, by name of an interface and a conf (delegate.ts). What they have attached is told by its name on disk: a network
// of an annotation has the title of its NetworkAttachmentDefinition, `namespace/name`, and one that no annotation named has that of
// its conf, which has no slash. So an element that asks for such a one, as the client has attached it before the edit was known
// here, finds it attached, and from then on it is the annotation's; without one it stays, as it is not the annotation's to take away.
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
  /** As they are on disk, each under the title that the pod has for it: they stay as they are. */
  keep: Delegate[];
  /** The interfaces of those of them that the disk has no title for yet. */
  adopt: string[];
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
  const change: Change = { detach: [], attach: [], keep: [], adopt: [] };
  for (const one of attached) {
    const plan = wanted.get(one.ifname);
    const isAsked = plan !== undefined && isWhole(one, noted) && !differs(plan, one);
    const isOthers = plan === undefined && isWhole(one, noted) && !isOfAnnotation(one);
    const stays = one.default || isAsked || isOthers;
    if (!stays) change.detach.push(one);
    else change.keep.push(isAsked ? { ...one, name: plan.name } : one);
    if (isAsked && one.name !== plan.name) change.adopt.push(one.ifname);
    if (stays) wanted.delete(one.ifname);
  }
  change.attach.push(...wanted.values());
  return change;
}

/** One without a result was begun, and has not ended; one with a note may be half detached: somebody was killed, or a plugin failed. */
export function isWhole({ cacheFile, result }: Delegate, noted: ReadonlySet<string> = new Set()): boolean {
  return result !== undefined && !noted.has(cacheFile);
}

/** Is something else asked for than what is attached? A change of the network's conf does not count. */
export function differs(planned: Delegate, attached: Delegate): boolean {
  return !isOfNetwork(planned, attached) || requestOf(planned) !== requestOf(attached);
}

/** Titles count if both have one: a conf that was given by itself has none. */
function isOfNetwork(planned: Delegate, attached: Delegate): boolean {
  if (isOfAnnotation(planned) && isOfAnnotation(attached)) return planned.name === attached.name;
  return planned.network === attached.network;
}

/** Has it the title of a NetworkAttachmentDefinition? */
export function isOfAnnotation({ name }: Delegate): boolean {
  return name.includes("/");
}

/** Addresses of all kinds are in `asked`, whether a plugin claims them or not; `cni-args` are in each plugin's conf. */
function requestOf({ asked, conf, deviceID, resourceName, gateways = [] }: Delegate): string {
  const { args, plugins } = JSON.parse(conf) as { args?: Args; plugins?: { args?: Args }[] };
  const cniArgs = args?.cni ?? plugins?.[0]?.args?.cni ?? "";
  return JSON.stringify([asked ?? "", cniArgs, deviceID ?? "", resourceName ?? "", gateways]);
}

interface Args {
  cni?: unknown;
}
