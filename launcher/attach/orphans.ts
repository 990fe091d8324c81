// Orphans: attachments that no DEL of the runtime could undo. Their containers are gone; GC tries again.
import type { Delegate } from "../core/index.ts";
import { Fault } from "../fault.ts";
import type { Call } from "./call.ts";
import { delDelegate } from "./execute.ts";

/** A file below `<cniDir>/orphans`, by the name of the attachment's cache file. */
interface Orphan {
  containerId: string;
  netns: string;
  args: string;
  delegate: Delegate;
  /** The last error. */
  why: string;
}

/** Keeps all that a DEL of `delegate` needs. */
export async function orphan({ runtime, state }: Call, delegate: Delegate, why: string): Promise<void> {
  const { containerId, netns, args } = runtime;
  const kept: Orphan = { containerId, netns, args, delegate, why };
  await state.writeOrphan(delegate.cacheFile, `${JSON.stringify(kept)}\n`);
}

/** Tries to detach the orphans. One for which this fails stays, and is told of in the log. */
export async function clearOrphans(call: Call): Promise<void> {
  const { log, state } = call;
  for (const [name, text] of await state.orphans()) {
    try {
      const { containerId, netns, args, delegate } = JSON.parse(text) as Orphan;
      const runtime = { containerId, netns, args, ifname: delegate.runtimeIfname };
      const fault = Fault.all(await delDelegate({ ...call, runtime }, delegate));
      if (fault) throw fault;
      await state.removeOrphan(name);
      log.write("verbose", `GC: orphan ${name} is detached`);
    } catch (error) {
      log.write("error", `GC: orphan ${name} stays: ${Fault.of(error).message}`);
    }
  }
}
