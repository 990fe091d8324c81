// One network that somebody names by its conf, for a sandbox that stands: what Multus's daemon does at `/delegate`.
//
// How it works: as in an edit of the annotation (replug.ts), the scratch file names what is going to be attached before it is, so
// the sandbox's DEL undoes it, and what was begun by somebody who was killed is undone before it is begun again. The state on disk
// decides what a request means: an ADD of what is attached as asked is answered with its result, as the hot-plug loop, which sees
// the same edit of the annotation as the client, may have been quicker; a DEL of what is not there succeeds. What is detached and
// checked goes by the conf that it was attached by.
import type { Delegate, Network, Selection } from "../../packages/core/index.ts";
import { type Attachment, type Call, subjectOf } from "../attach/call.ts";
import { undo } from "../attach/del.ts";
import { recordAttached, recordRemoved } from "../attach/events.ts";
import { checkDelegate, requirePlugins, statusDelegate } from "../attach/execute.ts";
import { findPod } from "../attach/pod.ts";
import type { Pod } from "../cluster/cluster.ts";
import { Code, Fault } from "../fault.ts";
import { differs, isWhole } from "./decide.ts";
import {
  attachOne,
  described,
  noteDetaching,
  placeRoutes,
  publish,
  requireOwn,
  type Standing,
  standingOf,
} from "./plug.ts";

const NETWORKS = "k8s.v1.cni.cncf.io/networks";
const SOURCE = "the request's `config`";
/** Results are answered in this version. */
const RESULT_VERSION = "1.0.0";
/** What stands for the default network, of which a plan is made, and which is kept: its entry is copied. */
const DEFAULT: Network = { conf: '{"cniVersion":"1.0.0","name":"default","type":"default"}', source: "-" };

export interface DelegateRequest {
  ifname: string;
  /** A conf or conflist. */
  conf: string;
  /** Members of a network selection element: `ips`, `mac`, `cni-args`. */
  asked: Record<string, unknown>;
}

/** ADD: returns the result, as text. */
export async function delegateAdd(call: Call, request: DelegateRequest): Promise<string> {
  const pod = await requirePod(call);
  const standing = await requireStanding(call);
  requireOwn(standing.attached);
  requireSecondary(call, request);
  const network = { conf: request.conf, source: SOURCE, selection: selectionOf(call, request) };
  const [bare] = planWith(call, standing, network, []).delegates.slice(1);
  const title = bare && (await titleIn(call, pod, bare));
  const titled = title === undefined ? network : { ...network, name: title };
  const [delegate] = planWith(call, standing, titled, []).delegates.slice(1);
  if (!delegate) throw new Fault(Code.internal, "the request's network has no delegate");
  const there = standing.attached.find(({ ifname }) => ifname === request.ifname);
  const noted = new Set(await call.state.noted());
  if (there?.result !== undefined && isWhole(there, noted)) {
    if (differs(delegate, there)) throw taken(call, there, delegate);
    return inVersion(call, there.result);
  }
  await requirePlugins(call, [delegate]);
  const kept = standing.attached.filter((one) => one !== there);
  if (there) await detach(call, there);
  await call.state.removeNotes([...(there ? [there.cacheFile] : []), delegate.cacheFile]);
  await call.state.writeScratch(
    call.runtime.containerId,
    planWith(call, standing, titled, kept.map(ifnameOf)).scratch,
  );
  const { attachment, fault, isLeft } = await attachOne(call, delegate, kept);
  if (!attachment) {
    if (!isLeft) await keepOnly(call, standing, kept);
    throw fault?.during(`network ${delegate.name} on ${delegate.ifname}`);
  }
  await tell(call, pod, kept, [attachment]);
  await recordAttached(call, pod, [attachment], []);
  return inVersion(call, attachment.result);
}

/** DEL: succeeds if there is nothing to detach. Throws if the interface is of another network. */
export async function delegateDel(call: Call, request: DelegateRequest): Promise<void> {
  const standing = await requireStanding(call);
  requireSecondary(call, request);
  const there = standing.attached.find(({ ifname }) => ifname === request.ifname);
  if (!there) return;
  requireOwn(standing.attached);
  requireSame(call, request, there);
  await detach(call, there);
  await call.state.removeNotes([there.cacheFile]);
  const kept = standing.attached.filter((one) => one !== there);
  await keepOnly(call, standing, kept);
  const pod = await findPod(call).catch((error: unknown) => staysUntold(call, error));
  if (!pod) return; // nobody is left to be told, or can be
  await tell(call, pod, kept, []);
  await recordRemoved(call, pod, there);
}

/** Has network-status say what is attached by now. Multus leaves that to the client, which says the same. */
async function tell(
  call: Call,
  pod: Pod,
  kept: readonly Delegate[],
  come: readonly Attachment[],
): Promise<void> {
  const before = await Promise.all(kept.filter((one) => isWhole(one)).map((one) => described(call, one)));
  const networkStatus = await placeRoutes(call, before, come);
  await publish(call, pod, networkStatus).catch((error: unknown) => staysUntold(call, error));
}

function staysUntold({ log, runtime }: Call, error: unknown): undefined {
  log.write("error", `${subjectOf(runtime)}: network-status stays: ${Fault.of(error).message}`);
}

/** CHECK: throws if the attachment is not as its ADD has left it. */
export async function delegateCheck(call: Call, request: DelegateRequest): Promise<void> {
  const standing = await requireStanding(call);
  const there = standing.attached.find(({ ifname }) => ifname === request.ifname);
  if (!there || !isWhole(there)) {
    const why = `it has no interface ${JSON.stringify(request.ifname)}`;
    throw new Fault(Code.unknownContainer, `CHECK ${subjectOf(call.runtime)}: ${why}; attach it first`);
  }
  requireSame(call, request, there);
  if (there.verbs.includes("CHECK")) await checkDelegate(call, there);
}

/** STATUS: throws if a network of this conf could not be attached now. */
export async function delegateStatus(call: Call, { conf }: DelegateRequest): Promise<void> {
  const [delegate] = call.core.plan({
    runtime: call.runtime,
    networks: [{ conf, source: SOURCE }],
  }).delegates;
  if (!delegate) throw new Fault(Code.internal, "the request's network has no delegate");
  await requirePlugins(call, [delegate], Code.pluginNotAvailable);
  if (delegate.verbs.includes("STATUS")) await statusDelegate(call, delegate);
}

async function requirePod(call: Call): Promise<Pod> {
  const pod = await findPod(call);
  if (pod) return pod;
  throw new Fault(
    Code.tryAgainLater,
    `${subjectOf(call.runtime)} is gone; its sandbox is about to be deleted`,
  );
}

async function requireStanding(call: Call): Promise<Standing> {
  const standing = await standingOf(call);
  if (standing) return standing;
  throw new Fault(
    Code.tryAgainLater,
    `${subjectOf(call.runtime)} is not attached to its default network; wait until its ADD has succeeded`,
  );
}

function requireSecondary({ runtime }: Call, { ifname }: DelegateRequest): void {
  if (ifname !== "" && ifname !== runtime.ifname) return;
  const why = ifname === "" ? "it is empty" : `${ifname} is the interface of the default network`;
  throw new Fault(Code.invalidEnvironment, `CNI_IFNAME: ${why}; name an interface in the annotation`);
}

/** What is asked for, held to the rules of the annotation: names, addresses, arguments. */
function selectionOf({ core }: Call, { asked, ifname }: DelegateRequest): Selection {
  const annotation = JSON.stringify([{ ...asked, name: "delegate", interface: ifname }]);
  try {
    const [selection] = core.selection({ annotation });
    if (selection) return selection;
  } catch (error) {
    throw Fault.of(error).during("CNI_IFNAME and `interfaceAttributes`");
  }
  throw new Fault(Code.internal, "what is asked for has come to nothing");
}

/**
 * Plans a network beside what is attached: the second of the delegates, and a scratch file in which the entries of `kept` stay.
 *
 * @param network undefined for none
 */
function planWith(
  call: Call,
  { attached, scratch }: Standing,
  network: Network | undefined,
  kept: readonly string[],
) {
  const { runtimeConfig, runtimePortMappings } = call.settings;
  // Another network that has the pod's default route keeps it.
  const [gateways] = attached.flatMap((one) => (one.gateways === undefined ? [] : [one.gateways]));
  const first = gateways === undefined ? DEFAULT : { ...DEFAULT, selection: { defaultRoute: gateways } };
  return call.core.plan({
    runtime: call.runtime,
    networks: network === undefined ? [first] : [first, network],
    runtimeConfig,
    runtimePortMappings,
    scratch,
    kept: [...kept],
  });
}

function keepOnly(call: Call, standing: Standing, kept: readonly Delegate[]): Promise<void> {
  const { scratch } = planWith(call, standing, undefined, kept.map(ifnameOf));
  return call.state.writeScratch(call.runtime.containerId, scratch);
}

function ifnameOf({ ifname }: Delegate): string {
  return ifname;
}

/**
 * Returns the title of the NetworkAttachmentDefinition that the pod's annotation asks for under this interface, if that has this
 * conf's name: what a client sends is its conf alone. The pod may be known as it was before the edit: decide.ts.
 */
async function titleIn(call: Call, pod: Pod, { ifname, network }: Delegate): Promise<string | undefined> {
  try {
    const annotation = pod.annotations[NETWORKS] ?? "";
    const selections = annotation === "" ? [] : call.core.selection({ annotation, namespace: pod.namespace });
    const named = selections.find((one) => one.interface === ifname);
    const nad = named && (await call.cluster?.nad(named.namespace, named.name));
    if (!nad) return undefined;
    const title = `${nad.namespace}/${nad.name}`;
    const { name } = call.core.describe({ conf: nad.config, source: title });
    return (name || nad.name) === network ? title : undefined;
  } catch (error) {
    call.log.write("verbose", `which network ${network} is: ${Fault.of(error).message}`);
    return undefined;
  }
}

/** Throws if the interface is of another network than the one that the request's conf names. */
function requireSame({ core, runtime }: Call, { conf }: DelegateRequest, there: Delegate): void {
  const { name } = core.describe({ conf, source: SOURCE });
  if (name === there.network) return;
  throw new Fault(
    Code.invalidNetworkConfig,
    `interface ${there.ifname} of ${subjectOf(runtime)} is of network ${there.network}, not ${JSON.stringify(name)}; name that one`,
  );
}

function taken({ runtime }: Call, there: Delegate, { name }: Delegate): Fault {
  return new Fault(
    Code.invalidNetworkConfig,
    `network ${name}: ${subjectOf(runtime)} has an interface ${there.ifname} already, of network ${there.name} or with other ` +
      "addresses; detach it first, or ask for another name",
  );
}

async function detach(call: Call, delegate: Delegate): Promise<void> {
  const isBegun = (await call.state.note(delegate.cacheFile)) !== undefined; // it says how often it was tried
  if (!isBegun) await noteDetaching(call, delegate);
  const fault = Fault.all(await undo(call, [delegate], { isKnown: true }));
  if (fault) throw fault;
}

function inVersion({ core }: Call, result: string): string {
  return core.convert({ result, cniVersion: RESULT_VERSION });
}
