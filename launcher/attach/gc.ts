// GC: undoes the attachments of containers that are gone, and lets every network's plugins clean up.
// Source: CNI spec 1.1.0, section 2 "GC".
import type { Delegate } from "../../packages/core/index.ts";
import { Fault } from "../fault.ts";
import { LeftToNode } from "../host/host.ts";
import type { Call } from "./call.ts";
import { del } from "./del.ts";
import { gcDelegate } from "./execute.ts";
import { delegatesIn, type Found } from "./files.ts";
import { confNetworks } from "./networks.ts";
import { clearOrphans } from "./orphans.ts";

/** A member of `cni.dev/valid-attachments`. */
interface ValidAttachment {
  containerID: string;
  ifname: string;
}

/**
 * Tries all, then throws if something could not be cleaned up. A runtime that has no valid attachment sends `null` for the
 * list (CRI-O), or leaves it out (cnitool): libcni itself detaches all of its own attachments then, and plugins that are
 * built on it read both as an empty list. Source: GCNetworkList in containernetworking/cni libcni/api.go.
 */
export async function gc(call: Call): Promise<void> {
  const { settings, state, log } = call;
  const valid = JSON.parse(settings.validAttachments ?? "[]") as ValidAttachment[];
  const networks = new Map<string, Delegate>();
  // Each network's own interfaces in containers that live: its plugins must not be told of any other.
  const kept = new Map<string, ValidAttachment[]>();
  const faults: Fault[] = [];
  let isAllKnown = true;
  for (const containerID of await state.containers()) {
    const { delegates, unusable } = await delegatesOf(call, containerID, faults);
    const isListed = valid.some((one) => one.containerID === containerID);
    if (delegates === undefined || (isListed && unusable.length > 0)) isAllKnown = false;
    if (delegates === undefined) continue;
    for (const delegate of delegates) {
      const isOwn = isOf(settings.name, delegate);
      if (isOwn) networks.set(identity(delegate), delegate);
      if (!isOwn || isValid(valid, containerID, delegate.runtimeIfname)) {
        kept.set(delegate.network, [
          ...(kept.get(delegate.network) ?? []),
          { containerID, ifname: delegate.ifname },
        ]);
      }
    }
    const own = delegates.filter((delegate) => isOf(settings.name, delegate));
    if (own.length === 0 && delegates.length > 0) continue;
    faults.push(...(await clearStale(call, containerID, own, valid)));
  }
  const isLiving = (containerId: string, ifname: string) => isValid(valid, containerId, ifname);
  await clearOrphans(call, isLiving).catch((error: unknown) => faults.push(Fault.of(error)));
  const isListed = (id: string) => valid.some(({ containerID }) => containerID === id);
  await state.removeStaleNotes(isListed).catch((error: unknown) => faults.push(Fault.of(error)));
  if (!isAllKnown) {
    const what = "GC: plugins are not told what to keep, as not all is known that is attached";
    log.write("error", `${what}; \`plexus attachments\` shows what cannot be read`);
    networks.clear();
  }
  const common = isAllKnown ? await confDelegates(call) : [];
  for (const delegate of common) networks.set(identity(delegate), delegate);
  // The default network may have containers that its plugins were executed for before there was a meta-plugin: what the
  // runtime lists is theirs, too.
  for (const { network } of common.slice(0, 1)) kept.set(network, union(kept.get(network) ?? [], valid));

  for (const delegate of networks.values()) {
    if (!delegate.verbs.includes("GC")) continue;
    const attachments = JSON.stringify(kept.get(delegate.network) ?? []);
    log.write("verbose", `GC network ${delegate.network}: ${attachments}`);
    const failed = await gcDelegate(call, delegate, attachments);
    faults.push(...failed.map((fault) => fault.during(`network ${delegate.network}`)));
  }
  const fault = Fault.all(faults);
  if (fault) throw fault.during("GC");
}

/** DELs the attachments under interface names that the runtime no longer lists. */
async function clearStale(
  call: Call,
  containerId: string,
  delegates: Delegate[],
  valid: ValidAttachment[],
): Promise<Fault[]> {
  const faults: Fault[] = [];
  // If no file says under which name, a container that is not listed at all has nothing to keep.
  const unknown = delegates.length === 0 && !valid.some(({ containerID }) => containerID === containerId);
  const ifnames = new Set(unknown ? ["eth0"] : delegates.map(({ runtimeIfname }) => runtimeIfname));
  for (const ifname of ifnames) {
    if (isValid(valid, containerId, ifname)) continue;
    const netns =
      delegates.find((one) => one.runtimeIfname === ifname && one.netns !== undefined)?.netns ?? "";
    const runtime = { containerId, ifname, netns, args: "" };
    await del({ ...call, runtime }).catch((error: unknown) => faults.push(Fault.of(error)));
  }
  return faults;
}

/**
 * Was it attached by the conf that this GC is for? What the runtime lists are that one's attachments; another conf may have its
 * state in the same directory. What Multus has attached does not say.
 */
function isOf(conf: string, { runtimeNetwork = conf }: Delegate): boolean {
  return runtimeNetwork === conf;
}

function union(some: ValidAttachment[], others: ValidAttachment[]): ValidAttachment[] {
  return [...some, ...others.filter(({ containerID, ifname }) => !isValid(some, containerID, ifname))];
}

function isValid(valid: ValidAttachment[], containerId: string, ifname: string): boolean {
  return valid.some((one) => one.containerID === containerId && one.ifname === ifname);
}

/** What keeps a container from being looked at keeps no other one from being cleaned up: it is one of the `faults`. */
async function delegatesOf(
  { core, state }: Call,
  containerId: string,
  faults: Fault[],
): Promise<Partial<Found> & Pick<Found, "unusable">> {
  try {
    return delegatesIn(core, await state.read(containerId), { runtime: { containerId, args: "" } });
  } catch (error) {
    if (error instanceof LeftToNode) throw error;
    faults.push(Fault.of(error).during(`container ${containerId}`));
    return { unusable: [] };
  }
}

/** The conf's own networks, attached or not. */
async function confDelegates(call: Call): Promise<Delegate[]> {
  return call.core.plan({ runtime: call.runtime, networks: await confNetworks(call) }).delegates;
}

/** GC goes to a network once: to the same plugins under the same name, however often attached. */
function identity({ network, plugins }: Delegate): string {
  return [network, ...plugins].join(" ");
}
