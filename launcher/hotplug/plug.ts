// What is done to a sandbox that stands: what it has by now, and one network more.
import type { Delegate } from "../../packages/core/index.ts";
import { type Attachment, type Call, subjectOf } from "../attach/call.ts";
import { withCauses } from "../attach/causes.ts";
import { undo } from "../attach/del.ts";
import { addDelegate } from "../attach/execute.ts";
import { recover } from "../attach/recover.ts";
import { remember, rememberRoutes, requireRoom } from "../attach/remember.ts";
import { changeRoutes } from "../attach/routes.ts";
import type { Trouble } from "../attach/undeletable.ts";
import type { Pod } from "../cluster/cluster.ts";
import { offerDeviceInfo, readDeviceInfo } from "../device/deviceinfo.ts";
import { Code, Fault } from "../fault.ts";
import { isWhole } from "./decide.ts";

/** Source: NPWG NAD spec v1.3, section 5. */
const NETWORK_STATUS = "k8s.v1.cni.cncf.io/network-status";

export interface Standing {
  /** As they are on disk, in the order in which they were attached. */
  attached: Delegate[];
  /** The scratch file's text. */
  scratch: string;
}

/** Undefined if it is not attached: an ADD that has failed, or does not know the container, leaves it to the runtime. */
export async function standingOf(call: Call): Promise<Standing | undefined> {
  const { any, delegates: attached } = await recover(call);
  const { scratch } = await call.state.read(call.runtime.containerId);
  const isAttached = any && attached.some((one) => one.default && isWhole(one));
  return isAttached && scratch !== undefined ? { attached, scratch } : undefined;
}

/** Throws if there is something of Multus's: its entries of the scratch file do not say which call they are of. */
export function requireOwn(attached: readonly Delegate[]): void {
  const [foreign] = attached.filter(({ runtimeNetwork }) => runtimeNetwork === undefined);
  if (!foreign) return;
  throw new Fault(
    Code.invalidNetworkConfig,
    `network ${foreign.name}: it was attached by Multus, and does not change while the pod runs; create the pod anew`,
  );
}

export interface AttachedOrNot {
  attachment?: Attachment;
  fault?: Fault;
  /** It has failed, and could not be undone either: the next time it is detached first. */
  isLeft?: boolean;
}

/**
 * Attaches what the scratch file names by now; undoes it if that fails.
 *
 * @param others what is attached beside it
 */
export async function attachOne(
  call: Call,
  delegate: Delegate,
  others: readonly { result?: string | undefined }[],
): Promise<AttachedOrNot> {
  try {
    await offerDeviceInfo(delegate, call);
    const result = await addDelegate(call, delegate);
    requireRoom(result, others);
    const attachment = await described(call, { ...delegate, result });
    await remember(call, attachment);
    await call.state.settleCaches([delegate.cacheFile]);
    return { attachment };
  } catch (error) {
    const fault = Fault.of(error);
    const isRefused = fault.cause !== ("no answer" satisfies Trouble);
    const refused = new Set(isRefused ? [delegate.cacheFile] : []);
    const left = await undo(call, [delegate], { isKnown: true, refused });
    return { fault: await withCauses(call, delegate, fault), isLeft: left.length > 0 };
  }
}

/** Until the note is removed, the attachment counts as half detached: whoever wants it attaches it anew. */
export async function noteDetaching({ runtime, state }: Call, { cacheFile }: Delegate): Promise<void> {
  await state.writeNote(cacheFile, {
    containerId: runtime.containerId,
    addFailed: false,
    tries: 0,
    why: "",
  });
}

export async function described(call: Call, { result = "", ...delegate }: Delegate): Promise<Attachment> {
  const deviceInfo = await readDeviceInfo(delegate, call);
  return { delegate, result, ...(deviceInfo === undefined ? {} : { deviceInfo }) };
}

/**
 * Takes default routes from what has come, if another network has the pod's.
 *
 * @returns network-status of all
 */
export async function placeRoutes(
  call: Call,
  before: readonly Attachment[],
  come: readonly Attachment[],
): Promise<string> {
  const all = [...before, ...come];
  const { networkStatus, routes } = call.core.status({ attachments: all });
  const own = routes.filter(({ attachment }) => attachment >= before.length);
  await changeRoutes(call, own);
  await rememberRoutes(call, all, own);
  return networkStatus;
}

/** Has the pod's network-status say what is attached. */
export async function publish(
  { cluster, log, runtime }: Call,
  pod: Pod,
  networkStatus: string,
): Promise<void> {
  const isThere = await cluster?.annotate(pod, { [NETWORK_STATUS]: networkStatus }, undefined, "as read");
  if (!isThere) log.write("verbose", `${subjectOf(runtime)}: the pod was deleted meanwhile`);
}
