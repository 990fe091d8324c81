// ADD: attaches a container to all its networks, or to none.
import type { Delegate } from "../core/index.ts";
import { Fault } from "../fault.ts";
import { type Call, subjectOf } from "./call.ts";
import { undo } from "./del.ts";
import { addDelegate, requirePlugins } from "./execute.ts";
import { confNetworks } from "./networks.ts";
import { waitUntilReady } from "./readiness.ts";
import { recover } from "./recover.ts";

/** Returns the result for the runtime: the default network's, as text. */
export async function add(call: Call): Promise<string> {
  const { core, runtime, settings, state } = call;
  await waitUntilReady(call);
  const networks = await confNetworks(call);
  const scratch = await clearLeftovers(call);
  const plan = core.plan({
    runtime,
    networks,
    runtimeConfig: settings.runtimeConfig,
    scratch,
  });
  requirePlugins(call, plan.delegates);
  // From here on a DEL finds everything, whatever happens to this process.
  await state.writeScratch(runtime.containerId, plan.scratch);

  const attachments: { delegate: Delegate; result: string }[] = [];
  const written: Promise<void>[] = [];
  try {
    for (const delegate of plan.delegates) {
      const result = await addDelegate(call, delegate).catch((error: unknown) => {
        throw Fault.of(error).during(`network ${delegate.name} on ${delegate.ifname}`);
      });
      attachments.push({ delegate, result });
      // The disk works while the next delegate does; the reply waits for both.
      written.push(settled(remember(call, delegate, result)));
    }
    await Promise.all(written);
  } catch (error) {
    await Promise.allSettled(written);
    const begun = plan.delegates.slice(0, attachments.length + 1);
    await undo(
      call,
      begun.map((delegate, index) => ({ ...delegate, result: attachments[index]?.result })),
    );
    throw Fault.of(error).during(`ADD ${subjectOf(runtime)}`);
  }
  for (const { delegate, result } of attachments) {
    call.log.write("verbose", `ADD ${subjectOf(runtime)} ${delegate.name} ${delegate.ifname}: ${result}`);
  }
  return core.status({ attachments }).answer ?? "";
}

/** A write that fails is reported where it is awaited, not before. */
function settled(write: Promise<void>): Promise<void> {
  write.catch(() => undefined);
  return write;
}

async function remember({ core, runtime, state }: Call, delegate: Delegate, result: string): Promise<void> {
  const { name, text } = core.remember({ delegate, result, runtime });
  await state.writeCache(name, text);
}

/**
 * Undoes what an ADD that died left behind under the same container and interface name. Returns the container's
 * scratch file, which may have entries under another interface name.
 */
async function clearLeftovers(call: Call): Promise<string | undefined> {
  const { runtime, state } = call;
  const { any, delegates } = await recover(call);
  if (!any) return undefined;
  if (delegates.length > 0) {
    call.log.write(
      "error",
      `${subjectOf(runtime)} was attached before, by an ADD that did not end: it is undone`,
    );
    const [fault] = await undo(call, delegates);
    if (fault) throw fault.during(`ADD ${subjectOf(runtime)}, undoing an earlier ADD`);
  }
  return state.read(runtime.containerId).scratch;
}
