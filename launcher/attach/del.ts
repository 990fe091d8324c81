// DEL: detaches a container from all its networks, whatever is left of it.
import type { Delegate } from "../../packages/core/index.ts";
import { removeDeviceInfo } from "../device/deviceinfo.ts";
import { Fault } from "../fault.ts";
import type { Note } from "../state/state.ts";
import { type Call, subjectOf } from "./call.ts";
import { delDelegate } from "./execute.ts";
import { orphan } from "./orphans.ts";
import { recover, recoverFromPod } from "./recover.ts";
import { mildest, type Trouble, verdictOn } from "./undeletable.ts";

/** Goes on past every error; an attachment that could not be undone stays on disk, for the runtime's next DEL. */
export async function del(call: Call): Promise<void> {
  const { runtime, state, log } = call;
  const { any, rest, unusable, complaints, ...found } = await recover(call);
  // Nothing else comes of what dead writers have left, so the disk may be searched for it while plugins are executed.
  const clearing = rest === undefined ? state.clearTemporaries() : undefined;
  const cleared = clearing?.catch(() => undefined);
  const delegates = any ? found.delegates : await recoverFromPod(call);
  for (const why of complaints) log.write("error", `DEL ${subjectOf(runtime)}: ${why}`);

  const fault = Fault.all(await undo(call, delegates, { isKnown: any }));
  await cleared;
  if (fault) throw fault.during(`DEL ${subjectOf(runtime)}`);
  // The attachments of another call for this container stay, and with them the caches that cannot be read: they may be theirs.
  if (rest === undefined) {
    await state.removeUnusable(unusable, runtime.containerId);
    await state.removeScratch(runtime.containerId, clearing);
    return;
  }
  await state.removeNotes(delegates.map(({ cacheFile }) => cacheFile));
  await state.writeScratch(runtime.containerId, rest);
}

export interface Undoing {
  /** Does a file say that they are attached? Without one, a failure is not a reason to keep the sandbox. */
  isKnown: boolean;
  /** In an ADD that has failed: the cache files of the delegates whose plugins have answered with an error. */
  refused?: ReadonlySet<string>;
  /** Are they what an ADD has left that did not end? One without a result, whose DEL is refused too, never was. */
  isUnended?: boolean;
}

/**
 * DELs delegates in reverse order, and removes the files of each one that succeeds; if the conf asks for it, the secondary
 * networks' at the same time. Returns the failures that another DEL may mend, in that order.
 */
export async function undo(call: Call, delegates: Delegate[], undoing: Undoing): Promise<Fault[]> {
  const faults = new Map<Delegate, Fault>();
  const notes = lookUpNotes(call, delegates);
  if (delegates.length > 0) call.host.prepare(call.pluginDirs);
  const forgetting: Promise<void>[] = [];
  const undoOne = async (delegate: Delegate) => {
    const note = notes.get(delegate);
    const fault = await detach(call, delegate, note, undoing);
    if (fault === "kept") return;
    if (fault) faults.set(delegate, fault);
    else forgetting.push(forget(call, delegate, note, (left) => faults.set(delegate, left))); // while the next one is undone
  };
  const reversed = [...delegates].reverse();
  if (call.settings.attach === "parallel") {
    await Promise.all(reversed.slice(0, -1).map(undoOne));
    await Promise.all(reversed.slice(-1).map(undoOne));
  } else {
    for (const delegate of reversed) await undoOne(delegate);
  }
  await Promise.all(forgetting);
  if (faults.size > 0 && undoing.isKnown && !undoing.refused) {
    await noteDetached(
      call,
      delegates.filter((delegate) => !faults.has(delegate)),
    );
  }
  return reversed.flatMap((delegate) => faults.get(delegate) ?? []);
}

/** All are read at the same time; what cannot be read is a failure of its own delegate. */
function lookUpNotes(
  { state }: Call,
  delegates: readonly Delegate[],
): Map<Delegate, Promise<Note | undefined>> {
  return new Map(
    delegates.map((delegate) => {
      const note = state.note(delegate.cacheFile);
      note.catch(() => undefined); // until it is awaited
      return [delegate, note];
    }),
  );
}

/** The next DEL does not begin anew with these: by then their plugin may be gone, as their cached results are. */
async function noteDetached(call: Call, delegates: Delegate[]): Promise<void> {
  const { log, runtime, state } = call;
  const { containerId } = runtime;
  for (const { cacheFile } of delegates) {
    try {
      if ((await state.note(cacheFile))?.done) continue;
      await state.writeNote(cacheFile, {
        containerId,
        addFailed: false,
        tries: 0,
        why: "",
        done: "detached",
      });
    } catch (error) {
      log.write(
        "error",
        `DEL ${subjectOf(runtime)}: ${cacheFile} is tried again: ${Fault.of(error).message}`,
      );
    }
  }
}

type Noted = Promise<Note | undefined> | undefined;

/** Returns the fault, if another DEL may mend it; "kept" if it is dealt with by now; undefined if it is to be forgotten. */
async function detach(call: Call, delegate: Delegate, noted: Noted, undoing: Undoing) {
  try {
    const note = await noted;
    const faults = note?.done ? [] : await delDelegate(call, delegate);
    if (faults.length === 0) return undefined;
    return (await settle(call, delegate, faults, note, undoing)) ?? "kept";
  } catch (error) {
    return failure(call, delegate, Fault.of(error));
  }
}

/** Removes the files of an attachment that is undone. */
async function forget(
  call: Call,
  delegate: Delegate,
  noted: Noted,
  failed: (fault: Fault) => void,
): Promise<void> {
  const { log, runtime, state } = call;
  try {
    await removeFiles(call, delegate);
    const note = await noted;
    // What is done with stays noted for as long as the scratch file has it: it would begin anew.
    if (note && !note.done) await state.removeNote(delegate.cacheFile);
    log.write("verbose", `DEL ${subjectOf(runtime)} ${delegate.name} ${delegate.ifname}`);
  } catch (error) {
    failed(failure(call, delegate, Fault.of(error)));
  }
}

/** Decides on an attachment that could not be detached. Returns the fault, if another DEL may mend it. */
async function settle(
  call: Call,
  delegate: Delegate,
  faults: readonly Fault[],
  note: Note | undefined,
  { isKnown, refused, isUnended = false }: Undoing,
): Promise<Fault | undefined> {
  const { host, log, runtime, state } = call;
  const fault = failure(call, delegate, Fault.all(faults) as Fault);
  if (!isKnown) return undefined;
  const addFailed =
    (refused?.has(delegate.cacheFile) ?? note?.addFailed ?? false) ||
    (isUnended && delegate.result === undefined);
  const tries = (note?.tries ?? 0) + (refused ? 0 : 1); // a failed ADD's own is not the runtime's
  const trouble = mildest(faults.map(({ cause }) => cause as Trouble | undefined));
  // In an ADD nobody asks for its namespace: if that is none, a shim would refuse to look at it, and the ADD begin anew.
  const isNamespaceGone =
    refused === undefined && (runtime.netns === "" || !(await host.exists(runtime.netns)));
  const verdict = refused ? "retry" : verdictOn({ trouble, addFailed, isNamespaceGone, tries });
  const known = { containerId: runtime.containerId, addFailed, tries, why: fault.message };
  if (verdict === "retry") {
    // Without the note, on a full disk, this DEL does not count.
    await state.writeNote(delegate.cacheFile, known).catch((error: unknown) => {
      log.write("error", `DEL ${subjectOf(runtime)}: ${Fault.of(error).message}`);
    });
    return fault;
  }
  try {
    // In this order: if this process is killed in between, the next DEL does the rest.
    await orphan(call, delegate, {
      why: fault.message,
      wasAttached: !addFailed && delegate.result !== undefined,
    });
    await state.writeNote(delegate.cacheFile, { ...known, done: "orphan" });
    await removeFiles(call, delegate);
  } catch (error) {
    return Fault.all([fault, Fault.of(error).during("it cannot be kept as an orphan")]);
  }
  const what = `network ${delegate.name} on ${delegate.ifname}`;
  log.write("error", `DEL ${subjectOf(runtime)}: ${what}: it is left to GC, as an orphan`);
  return undefined;
}

function failure({ log, runtime }: Call, { name, ifname }: Delegate, error: Fault): Fault {
  const fault = error.during(`network ${name} on ${ifname}`);
  log.write("error", `DEL ${subjectOf(runtime)}: ${fault.message}`);
  return fault;
}

/** Removes what an attachment has besides its entry in the scratch file. */
async function removeFiles({ host, state }: Call, delegate: Delegate): Promise<void> {
  await removeDeviceInfo(delegate, host);
  await state.removeCache(delegate.cacheFile);
}
