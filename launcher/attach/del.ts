// DEL: detaches a container from all its networks, whatever is left of it.
import type { Delegate, Network } from "../core/index.ts";
import { Fault } from "../fault.ts";
import { type Call, subjectOf } from "./call.ts";
import { delDelegate } from "./execute.ts";
import { confNetworks } from "./networks.ts";

/** Goes on past every error; what could not be undone stays on disk, for the runtime's next DEL. */
export async function del(call: Call): Promise<void> {
  const { core, runtime, settings, state, log } = call;
  const files = state.read(runtime.containerId);
  if (files.scratch === undefined && files.caches.size === 0) return; // never added, or deleted before
  const caches = [...files.caches];
  const { delegates, rest, unusable } = core.recover({
    runtime,
    ...files,
    caches: caches.map(([, text]) => text),
    ...(settings.runtimeConfig === undefined ? {} : { runtimeConfig: settings.runtimeConfig }),
  });
  for (const { why } of unusable) log.write("error", `DEL ${subjectOf(runtime)}: ${why}`);
  const all = delegates.length > 0 || unusable.length === 0 ? delegates : await fromConf(call);

  const faults = await undo(call, all);
  if (faults.length > 0) {
    const message = faults.map((fault) => fault.message).join("; ");
    throw new Fault(faults[0]?.code ?? 0, `DEL ${subjectOf(runtime)}: ${message}`);
  }
  // What could not be read is of no use any more. What another call for this container attached stays.
  for (const { cache } of unusable) {
    const name = cache === undefined ? undefined : caches[cache]?.[0];
    if (name !== undefined) state.removeCache(name);
  }
  if (rest === undefined) state.removeScratch(runtime.containerId);
  else await state.writeScratch(runtime.containerId, rest);
}

/** DELs delegates in reverse order, with all that is kept of each one that succeeds. Returns the failures. */
export async function undo(call: Call, delegates: Delegate[]): Promise<Fault[]> {
  const { host, log, runtime, state } = call;
  const faults: Fault[] = [];
  for (const delegate of [...delegates].reverse()) {
    try {
      await delDelegate(call, delegate);
      if (delegate.deviceInfoFile !== undefined) host.remove(delegate.deviceInfoFile);
      state.removeCache(`${delegate.network}-${runtime.containerId}-${delegate.ifname}`);
      log.write("verbose", `DEL ${subjectOf(runtime)} ${delegate.name} ${delegate.ifname}`);
    } catch (error) {
      const fault = Fault.of(error).during(`network ${delegate.name} on ${delegate.ifname}`);
      log.write("error", `DEL ${subjectOf(runtime)}: ${fault.message}`);
      faults.push(fault);
    }
  }
  return faults;
}

/** With nothing readable on disk, what the conf would attach now: the best guess at what was attached. */
async function fromConf(call: Call): Promise<Delegate[]> {
  const { core, log, runtime, settings } = call;
  try {
    const networks: Network[] = await confNetworks(call);
    const given = settings.runtimeConfig === undefined ? {} : { runtimeConfig: settings.runtimeConfig };
    return core.plan({ runtime, networks, ...given }).delegates;
  } catch (error) {
    log.write("error", `DEL ${subjectOf(runtime)}: nothing to go by: ${Fault.of(error).message}`);
    return [];
  }
}
