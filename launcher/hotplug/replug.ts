// One sandbox: its interfaces become those that its pod asks for by now.
//
// How it works: what is wanted is the pod's annotation; what is, is on disk. As in an ADD, all that can be refused is refused
// first, then the scratch file names all that is going to be attached, and each failure is undone by itself. So whoever is killed
// in between, a DEL finds everything, and so does the next one of these: what was begun and has not ended is detached and
// attached anew. A note says of each attachment that its detaching has begun, until it has ended. What is detached goes by the conf
// that it was attached by, whatever became of the network since.
import type { Delegate, Network } from "../../packages/core/index.ts";
import type { Attachment, Call } from "../attach/call.ts";
import { undo } from "../attach/del.ts";
import { recordAttached, recordRemoved } from "../attach/events.ts";
import { requirePlugins } from "../attach/execute.ts";
import { podNetworks } from "../attach/networks.ts";
import { findPod } from "../attach/pod.ts";
import type { Pod } from "../cluster/cluster.ts";
import { RESOURCE, type ResourceNetwork } from "../device/allocation.ts";
import { Code, Fault } from "../fault.ts";
import { type Change, decide, interfacesFor, isOfAnnotation } from "./decide.ts";
import { attachOne, described, noteDetaching, placeRoutes, publish, requireOwn, standingOf } from "./plug.ts";

/**
 * Detaches and attaches what has to be; nothing if the pod is gone, or the container is not attached. Throws what it could not do:
 * the rest is done.
 *
 * @param mayBeUntold may network-status be another one than what is attached, as somebody was killed, or not heard?
 */
export async function replug(call: Call, mayBeUntold = true): Promise<void> {
  const pod = await findPod(call);
  if (!pod) return;
  const standing = await standingOf(call);
  if (!standing) return;
  const { attached, scratch } = standing;
  const networks = namedNetworks(call, await podNetworks(call, pod), attached);
  requireDefault(networks[0], attached);
  const noted = new Set(await call.state.noted());
  const change = decide(planned(call, networks, { scratch }).delegates, attached, noted);
  if (change.attach.length + change.detach.length + change.adopt.length > 0) {
    requirePossible(change, attached);
    await requirePlugins(call, change.attach);
    await carryOut(call, pod, { change, networks, scratch, noted });
  } else if (mayBeUntold) {
    const all = await Promise.all(attached.map((one) => described(call, one)));
    await publish(call, pod, call.core.status({ attachments: all }).networkStatus);
  }
  requireAsked(networks[0], attached);
}

interface Replug {
  change: Change;
  networks: ResourceNetwork[];
  /** The scratch file's text before. */
  scratch: string;
  noted: ReadonlySet<string>;
}

function planned({ core, runtime, settings }: Call, networks: Network[], more: object = {}) {
  const { runtimeConfig, runtimePortMappings } = settings;
  return core.plan({ runtime, networks, runtimeConfig, runtimePortMappings, ...more });
}

/** The networks of which each secondary one asks for the interface that it has, or gets. */
function namedNetworks(
  call: Call,
  networks: ResourceNetwork[],
  attached: readonly Delegate[],
): ResourceNetwork[] {
  const asked = networks.map(({ selection }) => selection?.interface);
  const any = (ifname: string) => asked.includes(ifname);
  let number = 0;
  const unused = () => {
    do number++;
    while (any(`plug${number}`));
    return `plug${number}`;
  };
  const distinct = networks.map((network, index) =>
    index === 0 ? network : onto(network, asked[index] ?? unused()),
  );
  const wanted = planned(call, distinct).delegates.map((delegate, index) => ({
    delegate,
    asked: asked[index],
  }));
  const ifnames = interfacesFor(wanted, attached);
  return networks.map((network, index) => (index === 0 ? network : onto(network, ifnames[index] ?? "")));
}

function onto(network: ResourceNetwork, ifname: string): ResourceNetwork {
  return { ...network, selection: { ...network.selection, interface: ifname } };
}

/** Adds to why a network is not attached that it has no device, if it is one of devices: its plugin does not know whose fault that is. */
function withDeviceless(fault: Fault, network: ResourceNetwork | undefined): Fault {
  const resourceName = network?.[RESOURCE];
  if (resourceName === undefined || network?.device !== undefined) return fault;
  const why = `the pod has no ${resourceName} left, and gets no more while it runs`;
  return fault.followedBy(`; ${why}; create the pod anew, with as many in its resources as it has networks`);
}

/** Throws if the pod's annotation asks for another default network. That of the conf may have changed: it is for new pods. */
function requireDefault(asked: Network | undefined, attached: readonly Delegate[]): void {
  const is = attached.find((one) => one.default)?.name ?? "";
  if (asked?.selection === undefined || asked.name === undefined || asked.name === is) return;
  throw new Fault(
    Code.invalidNetworkConfig,
    `network ${asked.name}: the default network, ${is}, cannot change while the pod runs; create the pod anew`,
  );
}

/**
 * Throws if the pod's annotation asked for the default network that is attached, and does not any more. That of the conf says the
 * same of one that was a NetworkAttachmentDefinition and is another one by now: so nothing is said if it is one.
 */
function requireAsked(first: Network | undefined, attached: readonly Delegate[]): void {
  const is = attached.find((one) => one.default);
  if (first?.selection !== undefined || first?.name !== undefined || !is || !isOfAnnotation(is)) return;
  throw new Fault(
    Code.invalidNetworkConfig,
    `network ${is.name}: the pod does not ask for it as its default network any more, and that cannot change while the pod runs; ` +
      "create the pod anew",
  );
}

/** Throws for what would have to change interfaces that stay. */
function requirePossible({ attach, detach }: Change, attached: readonly Delegate[]): void {
  const [asking] = [...attach, ...detach].filter(({ gateways }) => gateways !== undefined);
  if (asking) {
    throw new Fault(
      Code.invalidNetworkConfig,
      `network ${asking.name}: \`default-route\` cannot change while the pod runs, as the default routes of its other interfaces ` +
        "would; create the pod anew",
    );
  }
  requireOwn(attached);
}

async function carryOut(call: Call, pod: Pod, { change, networks, scratch, noted }: Replug): Promise<void> {
  const { runtime, state } = call;
  const { stuck, faults } = await detach(call, change.detach, noted);
  // What could not be detached keeps its entry, and its name.
  const kept = [...change.keep, ...stuck].map(({ ifname }) => ifname);
  const attach = change.attach.filter(({ ifname }) => !kept.includes(ifname));
  const write = async (begun: readonly Delegate[]) => {
    const names = new Set([...kept, ...begun.map(({ ifname }) => ifname)]);
    const known = networks.filter(
      ({ selection }, index) => index === 0 || names.has(selection?.interface ?? ""),
    );
    // What is the annotation's from now on is written as it is planned, with its title.
    const copied = kept.filter((ifname) => !change.adopt.includes(ifname));
    await state.writeScratch(runtime.containerId, planned(call, known, { scratch, kept: copied }).scratch);
  };
  const gone = change.detach.filter((one) => !stuck.includes(one));
  await state.removeNotes([...gone, ...attach].map(({ cacheFile }) => cacheFile));
  await write(attach);

  const attachments: Attachment[] = [];
  const begun: Delegate[] = [];
  for (const delegate of attach) {
    const { attachment, fault, isLeft } = await attachOne(call, delegate, [
      ...change.keep,
      ...stuck,
      ...attachments,
    ]);
    if (attachment) attachments.push(attachment);
    if (attachment || isLeft) begun.push(delegate);
    if (!fault) continue;
    const network = networks.find(({ selection }) => selection?.interface === delegate.ifname);
    faults.push(withDeviceless(fault, network).during(`network ${delegate.name} on ${delegate.ifname}`));
  }
  if (begun.length < attach.length) await write(begun);
  await tell(call, pod, { kept: change.keep, attachments, gone });
  const fault = Fault.all(faults);
  if (fault) throw fault;
}

/** Detaches in reverse order. Returns those that are still attached, as far as is known; others are done with, or orphans. */
async function detach(call: Call, delegates: readonly Delegate[], noted: ReadonlySet<string>) {
  const stuck: Delegate[] = [];
  const faults: Fault[] = [];
  for (const delegate of [...delegates].reverse()) {
    if (!noted.has(delegate.cacheFile)) await noteDetaching(call, delegate);
    const failed = await undo(call, [delegate], { isKnown: true });
    faults.push(...failed);
    if (failed.length > 0) stuck.unshift(delegate);
  }
  return { stuck, faults };
}

interface Done {
  kept: readonly Delegate[];
  attachments: readonly Attachment[];
  gone: readonly Delegate[];
}

/** Tells the pod's user: by network-status, which has all that is attached, and by events. */
async function tell(call: Call, pod: Pod, { kept, attachments, gone }: Done): Promise<void> {
  const before = await Promise.all(kept.map((delegate) => described(call, delegate)));
  const published = publish(call, pod, await placeRoutes(call, before, attachments));
  published.catch(() => undefined); // events are told meanwhile
  await recordAttached(call, pod, [...attachments], []);
  for (const delegate of gone) await recordRemoved(call, pod, delegate);
  await published;
}
