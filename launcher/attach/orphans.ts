// Orphans: attachments that no DEL of the runtime could undo. Their containers are gone, mostly; GC tries again, and so does
// an ADD of the same container, which may meet what they still have.
import type { Delegate } from "../../packages/core/index.ts";
import { Fault } from "../fault.ts";
import { bytesOf, MAX_FILE } from "../sizes.ts";
import { MAX_WHY } from "../state/state.ts";
import type { Call, OrphanFate } from "./call.ts";
import { delDelegate } from "./execute.ts";
import { withPluginLimit } from "./pluginlimit.ts";

/** So long GC tries orphans, in milliseconds; it goes on with the others the next time. */
const GC_LIMIT_MS = 10_000;
/** So long a plugin may take for one, in seconds, unless the conf says less. */
const PLUGIN_LIMIT_SECONDS = 30;

/** A file below `<cniDir>/orphans`. */
interface Orphan {
  containerId: string;
  netns: string;
  args: string;
  delegate: Delegate;
  /** The last error. */
  why: string;
}

/**
 * Keeps all that a DEL of `delegate` needs.
 *
 * @param wasAttached has its ADD succeeded, so far as the files tell?
 */
export async function orphan(
  call: Call,
  delegate: Delegate,
  { why, wasAttached }: { why: string; wasAttached: boolean },
): Promise<void> {
  const { log, runtime, state } = call;
  const { containerId, netns, args } = runtime;
  const isSame = (text: string) => {
    const other = orphanOf(text);
    return other?.delegate.cacheFile === delegate.cacheFile && other.delegate.conf === delegate.conf;
  };
  // An earlier DEL may have been cut off behind this.
  if ([...(await state.orphans.ofContainer(containerId)).values()].some(isSame)) return;
  const kept: Orphan = { containerId, netns, args, delegate, why: why.slice(0, MAX_WHY) };
  await state.orphans.add(textOf(kept), { wasAttached, containerId, ifname: delegate.ifname });
  await tell(call, "kept");
  for (const name of await state.orphans.surplus()) {
    const given = orphanOf((await state.orphans.read(name)) ?? "");
    const what = given ? `: network ${given.delegate.name}; ${given.why}` : "";
    log.write("error", `orphan ${name} is given up, as there are too many${what}`);
    await state.orphans.remove(name);
    await tell(call, "given up");
  }
}

/** Without its result, of which a DEL seldom needs anything, if that makes it larger than what a shim reads. */
function textOf(kept: Orphan): string {
  const text = `${JSON.stringify(kept)}\n`;
  if (bytesOf(text) <= MAX_FILE) return text;
  const { result: _, ...delegate } = kept.delegate;
  return `${JSON.stringify({ ...kept, delegate })}\n`;
}

/** Tells who counts them. How many there are is asked only for that; if it cannot be said, that stops nothing. */
async function tell({ state, witness }: Call, fate: OrphanFate | undefined): Promise<void> {
  if (witness === undefined) return;
  const names = await state.orphans.names().catch(() => undefined);
  if (names) witness.orphans(fate, names.length);
}

/** Reads an orphan's file; undefined if it is none. */
export function orphanOf(text: string): Orphan | undefined {
  try {
    const { containerId, netns, args, delegate, why } = JSON.parse(text) as Partial<Orphan>;
    const texts = [containerId, netns, args, why, delegate?.runtimeIfname, delegate?.cacheFile];
    if (!texts.every((one) => typeof one === "string") || !Array.isArray(delegate?.plugins)) return undefined;
    return { containerId, netns, args, delegate, why } as Orphan;
  } catch {
    return undefined;
  }
}

/**
 * GC: tries to detach the orphans, as many as it has time for. One for which this fails stays, and is told of in the log.
 *
 * @param lives does the runtime have the container, by now again?
 */
export async function clearOrphans(
  call: Call,
  lives: (containerId: string, ifname: string) => boolean,
): Promise<void> {
  const { clock, log, state } = call;
  const begun = clock.now();
  let last: string | undefined;
  await tell(call, undefined);
  for (const name of await state.orphans.inTurn()) {
    if (last !== undefined && clock.now() - begun > GC_LIMIT_MS) {
      log.write("error", "GC: there is no time for the other orphans; the next GC goes on");
      await state.orphans.note(last);
      return;
    }
    last = name;
    const found = orphanOf((await state.orphans.read(name)) ?? "");
    // What is under the same name now is not its own.
    if (found && lives(found.containerId, found.delegate.runtimeIfname)) continue;
    await tryToDetach(call, "GC", name, found);
  }
  await state.orphans.note(undefined);
}

/** ADD: tries to detach those of its container, so that it does not meet their addresses. */
export async function clearOwnOrphans(call: Call): Promise<void> {
  const { runtime, state } = call;
  for (const [name, text] of await state.orphans.ofContainer(runtime.containerId)) {
    const found = orphanOf(text);
    const isOwn =
      found?.containerId === runtime.containerId && found.delegate.runtimeIfname === runtime.ifname;
    if (isOwn) await tryToDetach(call, "ADD", name, found);
  }
}

async function tryToDetach(call: Call, verb: string, name: string, found: Orphan | undefined): Promise<void> {
  const { log, settings, state } = call;
  try {
    if (found === undefined) throw new Error("its file cannot be read; remove it");
    const { containerId, netns, args, delegate } = found;
    const limited = withPluginLimit(settings, PLUGIN_LIMIT_SECONDS);
    const runtime = { containerId, netns, args, ifname: delegate.runtimeIfname };
    const fault = Fault.all(await delDelegate({ ...call, settings: limited, runtime }, delegate));
    if (fault) throw fault;
    await state.orphans.remove(name);
    await tell(call, "detached");
    log.write("verbose", `${verb}: orphan ${name} is detached`);
  } catch (error) {
    log.write("error", `${verb}: orphan ${name} stays: ${Fault.of(error).message}`);
  }
}
