// DEL: detaches a container from all its networks, whatever is left of it.
import type { Delegate } from "../core/index.ts";
import { removeDeviceInfo } from "../device/deviceinfo.ts";
import { Fault } from "../fault.ts";
import { type Call, subjectOf } from "./call.ts";
import { delDelegate } from "./execute.ts";
import { recover, recoverFromPod } from "./recover.ts";

/** Goes on past every error; what could not be undone stays on disk, for the runtime's next DEL. */
export async function del(call: Call): Promise<void> {
  const { runtime, state, log } = call;
  const { any, rest, unusable, complaints, ...found } = await recover(call);
  const delegates = any ? found.delegates : await recoverFromPod(call);
  for (const why of complaints) log.write("error", `DEL ${subjectOf(runtime)}: ${why}`);

  const faults = await undo(call, delegates);
  // Without any file nothing says that it was attached at all: then a failure is not a reason to keep the sandbox.
  if (any && faults[0]) {
    const message = faults.map((fault) => fault.message).join("; ");
    throw new Fault(faults[0].code, `DEL ${subjectOf(runtime)}: ${message}`);
  }
  // Unreadable caches are of no more use. The attachments of another call for this container stay.
  for (const name of unusable) await state.removeCache(name);
  if (rest === undefined) await state.removeScratch(runtime.containerId);
  else await state.writeScratch(runtime.containerId, rest);
}

/**
 * DELs delegates in reverse order, and removes the files of each one that succeeds; if the conf asks for it, the secondary
 * networks' at the same time. Returns the failures, in that order.
 */
export async function undo(call: Call, delegates: Delegate[]): Promise<Fault[]> {
  const faults = new Map<Delegate, Fault>();
  const undoOne = async (delegate: Delegate) => {
    const fault = await forget(call, delegate);
    if (fault) faults.set(delegate, fault);
  };
  const reversed = [...delegates].reverse();
  if (call.settings.attach === "parallel") {
    await Promise.all(reversed.slice(0, -1).map(undoOne));
    await Promise.all(reversed.slice(-1).map(undoOne));
  } else {
    for (const delegate of reversed) await undoOne(delegate);
  }
  return reversed.flatMap((delegate) => faults.get(delegate) ?? []);
}

async function forget(call: Call, delegate: Delegate): Promise<Fault | undefined> {
  const { host, log, runtime, state } = call;
  try {
    await delDelegate(call, delegate);
    await removeDeviceInfo(delegate, host);
    await state.removeCache(delegate.cacheFile);
    log.write("verbose", `DEL ${subjectOf(runtime)} ${delegate.name} ${delegate.ifname}`);
    return undefined;
  } catch (error) {
    const fault = Fault.of(error).during(`network ${delegate.name} on ${delegate.ifname}`);
    log.write("error", `DEL ${subjectOf(runtime)}: ${fault.message}`);
    return fault;
  }
}
