// DEL: detaches a container from all its networks, whatever is left of it.
import type { Delegate } from "../core/index.ts";
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
  // Without any file nothing says that it was attached at all: then a failure is no reason to keep the sandbox.
  if (any && faults[0]) {
    const message = faults.map((fault) => fault.message).join("; ");
    throw new Fault(faults[0].code, `DEL ${subjectOf(runtime)}: ${message}`);
  }
  // What could not be read is of no use any more. What another call for this container attached stays.
  for (const name of unusable) await state.removeCache(name);
  if (rest === undefined) await state.removeScratch(runtime.containerId);
  else await state.writeScratch(runtime.containerId, rest);
}

/** DELs delegates in reverse order, with all that is kept of each one that succeeds. Returns the failures. */
export async function undo(call: Call, delegates: Delegate[]): Promise<Fault[]> {
  const { host, log, runtime, state } = call;
  const faults: Fault[] = [];
  for (const delegate of [...delegates].reverse()) {
    try {
      await delDelegate(call, delegate);
      if (delegate.deviceInfoFile !== undefined) await host.remove(delegate.deviceInfoFile);
      await state.removeCache(`${delegate.network}-${runtime.containerId}-${delegate.ifname}`);
      log.write("verbose", `DEL ${subjectOf(runtime)} ${delegate.name} ${delegate.ifname}`);
    } catch (error) {
      const fault = Fault.of(error).during(`network ${delegate.name} on ${delegate.ifname}`);
      log.write("error", `DEL ${subjectOf(runtime)}: ${fault.message}`);
      faults.push(fault);
    }
  }
  return faults;
}
