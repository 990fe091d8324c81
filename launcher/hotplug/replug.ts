// One sandbox: its interfaces become those that its pod asks for by now.
//
// How it works: what is wanted is the pod's annotation; what is, is on disk. As in an ADD, all that can be refused is refused
// first, then the scratch file names all that is going to be attached, and each failure is undone by itself. So whoever is killed
// in between, a DEL finds everything, and so does the next one of these: what was begun and has not ended is detached and
// attached anew. What is detached goes by the conf that it was attached by, whatever became of the network since.
import type { Delegate, Network } from "../../packages/core/index.ts";
import type { Attachment, Call } from "../attach/call.ts";
import { undo } from "../attach/del.ts";
import { recordAttached, recordRemoved } from "../attach/events.ts";
import { requirePlugins } from "../attach/execute.ts";
import { podNetworks } from "../attach/networks.ts";
import { findPod } from "../attach/pod.ts";
import type { Pod } from "../cluster/cluster.ts";
import { Code, Fault } from "../fault.ts";
import { type Change, decide, interfacesFor, isWhole } from "./decide.ts";
import { attachOne, described, placeRoutes, publish, requireOwn, standingOf } from "./plug.ts";

/**
 * Detaches and attaches what has to be; nothing if the pod is gone, or the container is not attached. Throws what it could not do:
 * the rest is done.
 */
export async function replug(call: Call): Promise<void> {
  const pod = await findPod(call);
  if (!pod) return;
  const standing = await standingOf(call);
  if (!standing) return;
  const { attached, scratch } = standing;
  const networks = namedNetworks(call, await podNetworks(call, pod), attached);
  const change = decide(planned(call, networks).delegates, attached);
  if (change.attach.length + change.detach.length + change.adopt.length === 0) return;
  requirePossible(change, attached);
  await requirePlugins(call, change.attach);
  await carryOut(call, pod, { change, networks, scratch });
}

interface Replug {
  change: Change;
  networks: Network[];
  /** The scratch file's text before. */
  scratch: string;
}

function planned({ core, runtime, settings }: Call, networks: Network[], more: object = {}) {
  const { runtimeConfig, runtimePortMappings } = settings;
  return core.plan({ runtime, networks, runtimeConfig, runtimePortMappings, ...more });
}

/** The networks of which each secondary one asks for the interface that it has, or gets. */
function namedNetworks(call: Call, networks: Network[], attached: readonly Delegate[]): Network[] {
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

function onto(network: Network, ifname: string): Network {
  return { ...network, selection: { ...network.selection, interface: ifname } };
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

async function carryOut(call: Call, pod: Pod, { change, networks, scratch }: Replug): Promise<void> {
  const { runtime, state } = call;
  const { stuck, faults } = await detach(call, change.detach);
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
    const { attachment, fault, isLeft } = await attachOne(call, delegate);
    if (attachment) attachments.push(attachment);
    if (attachment || isLeft) begun.push(delegate);
    if (fault) faults.push(fault.during(`network ${delegate.name} on ${delegate.ifname}`));
  }
  if (begun.length < attach.length) await write(begun);
  await tell(call, pod, { kept: [...change.keep, ...stuck], attachments, gone });
  const fault = Fault.all(faults);
  if (fault) throw fault;
}

/** Detaches in reverse order. Returns those that are still attached, as far as is known; others are done with, or orphans. */
async function detach(call: Call, delegates: readonly Delegate[]) {
  const stuck: Delegate[] = [];
  const faults: Fault[] = [];
  for (const delegate of [...delegates].reverse()) {
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
  const before = await Promise.all(kept.filter(isWhole).map((delegate) => described(call, delegate)));
  const networkStatus = await placeRoutes(call, before, attachments);
  await publish(call, pod, networkStatus);
  await recordAttached(call, pod, [...attachments], []);
  for (const delegate of gone) await recordRemoved(call, pod, delegate);
}
