// ADD: attaches a container to all its networks, or to none.
//
// How it works: everything that can be refused is refused first, while nothing has been done. Then the scratch file names
// all delegates, and is on disk before the first of them runs: whatever kills this process from there on, a DEL finds them.
// Each delegate's result goes to the cache while the next one runs. All are synced together at the end, while the API server
// takes network-status: a loss of power before that may tear them, and the scratch file is enough for a DEL. If a delegate
// fails, all that were begun are undone in reverse, the failed one too, as it may have done half of its work. The scratch
// file stays for the runtime's DEL. A retried ADD starts by undoing what it finds under the same container and interface name.

import type { Delegate, Network, Unmet } from "../../packages/core/index.ts";
import type { Pod } from "../cluster/cluster.ts";
import { offerDeviceInfo, readDeviceInfo } from "../device/deviceinfo.ts";
import { Fault } from "../fault.ts";
import { type Attachment, type Call, subjectOf } from "./call.ts";
import { capabilityWarnings, checkCapabilities } from "./capabilities.ts";
import { withCauses } from "./causes.ts";
import { undo } from "./del.ts";
import { requireAbsolute } from "./directories.ts";
import { recordAttached, recordFailed, type Warning } from "./events.ts";
import { addDelegate, inOrder, requirePlugins } from "./execute.ts";
import { delegatesIn } from "./files.ts";
import { networkDataOf } from "./networkdata.ts";
import { confNetworks, podNetworks } from "./networks.ts";
import { clearOwnOrphans } from "./orphans.ts";
import { findPod, isPod } from "./pod.ts";
import { waitUntilReady } from "./readiness.ts";
import { recover } from "./recover.ts";
import { remember, rememberRoutes, requireRoom } from "./remember.ts";
import { changeRoutes } from "./routes.ts";
import type { Trouble } from "./undeletable.ts";

/** The annotation in which the pod's user reads the result. Source: NPWG NAD spec v1.3, section 5. */
const NETWORK_STATUS = "k8s.v1.cni.cncf.io/network-status";

/** Returns the result for the runtime: the default network's, as text. */
export async function add(call: Call): Promise<string> {
  try {
    requireAbsolute(call);
    await waitUntilReady(call);
    const finding = isPod(call) ? awaitedLater(findPod(call)) : undefined;
    // All that needs no pod is done while the API server is asked for it.
    if (finding) await call.cluster?.startConnecting();
    call.host.prepare(call.pluginDirs);
    const networks = awaitedLater(networksOf(call, finding)); // looked up while leftovers are looked for
    const noted = awaitedLater(call.state.noted());
    const left = { noted, scratch: await clearLeftovers(call, finding) };
    if (!finding) return (await attach(call, await networks, left)).answer;
    const pod = await finding;
    return pod ? await addPod(call, pod, networks, left) : goneResult(call);
  } catch (error) {
    throw Fault.of(error).during(`ADD ${subjectOf(call.runtime)}`);
  }
}

/**
 * Returns the answer in the conf's version (CNI spec 1.1.0, section 5). What has no form there stays as the plugin gave it: runtimes
 * read every version, and the pod is attached.
 */
function inVersion({ core, settings, log }: Call, answer: string): string {
  try {
    return core.convert({ result: answer, cniVersion: settings.cniVersion });
  } catch (error) {
    log.write("error", `the result stays in its plugin's version: ${Fault.of(error).message}`);
    return answer;
  }
}

/** The conf's networks and the pod's; none for a pod that is gone. */
async function networksOf(call: Call, finding: Promise<Pod | undefined> | undefined): Promise<Network[]> {
  if (!finding) return confNetworks(call);
  const pod = await finding;
  return pod ? podNetworks(call, pod) : [];
}

async function addPod(call: Call, pod: Pod, networks: Promise<Network[]>, left: Left): Promise<string> {
  try {
    const { answer, attachments, warnings } = await attach(call, await networks, left, pod);
    await recordAttached(call, pod, attachments, warnings);
    return answer;
  } catch (error) {
    await recordFailed(call, pod, Fault.of(error));
    throw error;
  }
}

/** As Multus: the pod was deleted while its sandbox was being made, so there is nothing to do. */
function goneResult({ log, runtime, settings }: Call): string {
  log.write("verbose", `ADD ${subjectOf(runtime)}: the pod is gone, so nothing is attached`);
  return JSON.stringify({
    cniVersion: settings.cniVersion,
    interfaces: [{ name: runtime.ifname, sandbox: runtime.netns }],
    ips: [{ address: "0.0.0.0/0", gateway: "0.0.0.0" }],
  });
}

/** What is on disk by now. */
interface Left {
  /** The names of all notes: State.noted. */
  noted: Promise<string[]>;
  /** The container's scratch file. */
  scratch: string | undefined;
}

async function attach(call: Call, networks: Network[], { noted, scratch }: Left, pod?: Pod) {
  const { core, runtime, settings, state } = call;
  const { runtimeConfig, runtimePortMappings } = settings;
  const current = scratch && (await withoutDone(call, scratch));
  const plan = core.plan({ runtime, networks, runtimeConfig, runtimePortMappings, scratch: current });
  await requirePlugins(call, plan.delegates);
  // A note on an earlier attachment of the same name does not hold for this one.
  await state.removeNotes(
    plan.delegates.map(({ cacheFile }) => cacheFile),
    noted,
  );
  checkCapabilities(call, plan.delegates);
  // From here on a DEL finds everything, whatever happens to this process.
  await state.writeScratch(runtime.containerId, plan.scratch);

  const begun = new Set<Delegate>();
  const attached = new Map<Delegate, Attachment>();
  const refused = new Set<string>();
  const written: Promise<void>[] = [];
  let published: Promise<void> | undefined;
  const begin = async (delegate: Delegate) => {
    begun.add(delegate);
    const attachment = await attachOne(call, delegate, attached).catch(async (error: unknown) => {
      const fault = Fault.of(error);
      if (fault.cause !== ("no answer" satisfies Trouble)) refused.add(delegate.cacheFile);
      const explained = await withCauses(call, delegate, fault);
      throw explained.during(`network ${delegate.name} on ${delegate.ifname}`);
    });
    attached.set(delegate, attachment);
    // The disk works while the next delegate does; the reply waits for both.
    written.push(awaitedLater(remember(call, attachment)));
  };
  try {
    await inOrder(plan.delegates, settings.attach, begin);
    const added = plan.delegates.flatMap((delegate) => attached.get(delegate) ?? []);
    const { answer = "", networkStatus, routes, unmet } = core.status({ attachments: added });
    await changeRoutes(call, routes);
    // Nothing takes longer than the API server, so it is asked first, and the disk works meanwhile.
    if (pod && networkStatus !== "[]") published = awaitedLater(publish(call, pod, networkStatus));
    await Promise.all(written);
    const attachments = await rememberRoutes(call, added, routes);
    for (const { delegate, result } of attachments) {
      call.log.write("verbose", `ADD ${subjectOf(runtime)} ${delegate.name} ${delegate.ifname}: ${result}`);
    }
    await state.settleCaches(added.map(({ delegate }) => delegate.cacheFile));
    await published;
    return {
      answer: inVersion(call, answer),
      attachments,
      warnings: [
        ...capabilityWarnings(call, plan.delegates, (delegate, capability) =>
          isGiven(capability, delegate, added, unmet),
        ),
        ...warningsOf(call, added, unmet),
      ],
    };
  } catch (error) {
    capabilityWarnings(call, plan.delegates, () => false); // one of them may be why
    await Promise.allSettled(written);
    const undone = plan.delegates.filter((delegate) => begun.has(delegate));
    await undo(
      call,
      undone.map((delegate) => ({ ...delegate, result: attached.get(delegate)?.result })),
      { isKnown: true, refused },
    );
    await published?.catch(() => undefined); // else it might come behind that of the next ADD
    throw error;
  }
}

/** Returns the scratch file without what other calls for the container are done with: those interfaces are free. */
async function withoutDone({ core, runtime, state }: Call, scratch: string): Promise<string> {
  const { containerId, args } = runtime;
  const { delegates } = delegatesIn(core, { scratch, caches: new Map() }, { runtime: { containerId, args } });
  const others = delegates.filter(({ runtimeIfname }) => runtimeIfname !== runtime.ifname);
  const notes = await Promise.all(others.map(({ cacheFile }) => state.note(cacheFile)));
  const done = new Set(others.filter((_, i) => notes[i]?.done).map(({ ifname }) => ifname));
  if (done.size === 0) return scratch;
  const entries = JSON.parse(scratch) as ({ ifName?: string } | null)[];
  return JSON.stringify(entries.filter((entry) => !done.has(entry?.ifName ?? "")));
}

async function attachOne(
  call: Call,
  delegate: Delegate,
  attached: ReadonlyMap<Delegate, Attachment>,
): Promise<Attachment> {
  await offerDeviceInfo(delegate, call);
  const result = await addDelegate(call, delegate);
  requireRoom(result, [...attached.values()]);
  const deviceInfo = await readDeviceInfo(delegate, call);
  return { delegate, result, ...(deviceInfo === undefined ? {} : { deviceInfo }) };
}

/** Tells whether a delegate's result has what was asked for by a capability, so far as results say that. */
function isGiven(
  capability: string,
  { ifname }: Delegate,
  attachments: Attachment[],
  unmet: Unmet[],
): boolean {
  const at = attachments.findIndex(({ delegate }) => delegate.ifname === ifname);
  const result = attachments[at]?.result;
  if (result === undefined || unmet.some((one) => one.attachment === at && one.capability === capability))
    return false;
  // A result may be silent about the MAC address; that there are no addresses it cannot hide.
  return (
    capability === "ips" ||
    (capability === "mac" && networkDataOf(ifname, result).hardwareAddress !== undefined)
  );
}

/** What was asked for and not given, but for what no plugin claims the capability: `capabilityCheck` is about that. */
function warningsOf({ log, runtime }: Call, attachments: Attachment[], unmet: Unmet[]): Warning[] {
  return unmet.flatMap(({ attachment, rule, capability, message: why }) => {
    const unclaimed = attachments[attachment]?.delegate.unclaimed ?? [];
    if (capability && unclaimed.includes(capability)) return [];
    const message = `${why} [${rule}]`;
    log.write("error", `ADD ${subjectOf(runtime)}: ${message}`);
    return { reason: "RequestNotMet", message };
  });
}

/** If the pod was deleted meanwhile, its sandbox is about to be deleted too. */
async function publish({ cluster, log, runtime }: Call, pod: Pod, networkStatus: string): Promise<void> {
  const done = await cluster?.annotate(pod, { [NETWORK_STATUS]: networkStatus });
  if (!done) log.write("verbose", `ADD ${subjectOf(runtime)}: the pod was deleted meanwhile`);
}

/** Lets a failure be reported when it is awaited, not before. */
function awaitedLater<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}

/**
 * Undoes the attachments that an ADD that died left under the same container and interface name, and its orphans as far as
 * that is possible by now. Returns the container's scratch file, which may have entries under another interface name.
 */
async function clearLeftovers(
  call: Call,
  finding: Promise<Pod | undefined> | undefined,
): Promise<string | undefined> {
  const { runtime, state } = call;
  const found = awaitedLater(recover(call)); // its files are read while orphans are looked for
  await clearOwnOrphans(call);
  const { any, delegates } = await found;
  if (!any) return undefined;
  if (delegates.length > 0) {
    call.log.write(
      "error",
      `${subjectOf(runtime)} was attached before, by an ADD that did not end: it is undone`,
    );
    // Of a pod that is gone nothing is attached anew, which would fail: all that is left has to go.
    const isGone = finding !== undefined && !(await finding.catch(() => undefined));
    const [fault] = await undo(call, delegates, { isKnown: true, isUnended: !isGone });
    if (fault) throw fault.during("undoing what an ADD that did not end has left");
  }
  return (await state.read(runtime.containerId)).scratch;
}
