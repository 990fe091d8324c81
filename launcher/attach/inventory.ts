// What attachments there are on a node, by its files: for an operator, who may also say that one is to be forgotten.
import type { Core, Delegate } from "../core/index.ts";
import { removeDeviceInfo } from "../device/deviceinfo.ts";
import type { Host } from "../host/host.ts";
import { isContainerId, type State } from "../state/state.ts";
import { orphanOf } from "./orphans.ts";

export interface ListedAttachment {
  containerId: string;
  ifname: string;
  /** `namespace/name`; absent where no file says it. */
  pod?: string;
  /** As the pod names it: `namespace/name` for a NetworkAttachmentDefinition. */
  network: string;
  plugins: string[];
  /** The path of its network namespace; "" if no file says it. */
  netns: string;
  /**
   * `attaching`: its ADD has not ended, or was cut off. `failing`: its DEL has failed; the runtime's next one tries again.
   * `orphan`: GC tries to detach it. `unreadable`: a file of which nothing can be learned.
   */
  state: "attached" | "attaching" | "failing" | "orphan" | "unreadable";
  /** Who has attached it; absent where no file says it. */
  attachedBy?: "plexus" | "multus";
  /** DELs that have failed. */
  tries?: number;
  /** The last error, or why a file cannot be read. */
  why?: string;
}

interface Ports {
  core: Core;
  host: Host;
  state: State;
}

/** Lists all attachments, by their containers. */
export async function listAttachments(ports: Ports): Promise<ListedAttachment[]> {
  const listed: ListedAttachment[] = [];
  for (const containerId of [...(await ports.state.containers())].sort()) {
    listed.push(...(await attachmentsOf(ports, containerId)));
  }
  return [...listed, ...(await listOrphans(ports))];
}

/**
 * Forgets a container, or only what it has of one network: no DEL and no GC tries to detach that any more. What its plugins
 * have made stays.
 *
 * @returns what was forgotten. Throws if there is nothing to forget
 */
export async function forgetAttachments(
  ports: Ports,
  containerId: string,
  network?: string,
): Promise<string[]> {
  if (!isContainerId(containerId)) {
    throw new Error(
      `${JSON.stringify(containerId)} is not a container's ID; \`plexus attachments\` lists them`,
    );
  }
  const orphans = await forgetOrphans(ports, containerId, network);
  const attachments = await (network === undefined
    ? forgetContainer(ports, containerId)
    : forgetNetwork(ports, containerId, network));
  if (orphans.length + attachments.length > 0) return [...orphans, ...attachments];
  const what = network === undefined ? "nothing" : `nothing of network ${network}`;
  throw new Error(`there is ${what} of container ${containerId}; \`plexus attachments\` lists what there is`);
}

async function attachmentsOf({ core, state }: Ports, containerId: string): Promise<ListedAttachment[]> {
  const { delegates, unusable } = await recovered({ core, state }, containerId);
  const listed: ListedAttachment[] = [];
  for (const delegate of delegates) {
    const note = await state.note(delegate.cacheFile);
    if (note?.done) continue; // an orphan is listed by its own file
    const isAttached = delegate.result !== undefined;
    listed.push({
      ...shown(containerId, delegate),
      state: note ? "failing" : isAttached ? "attached" : "attaching",
      ...(note ? { tries: note.tries, why: note.why } : {}),
    });
  }
  return [...listed, ...unusable.map(({ why }) => unreadable(containerId, why))];
}

async function listOrphans({ state }: Ports): Promise<ListedAttachment[]> {
  const listed: ListedAttachment[] = [];
  for (const { name } of await state.orphans.names()) {
    const found = orphanOf((await state.orphans.read(name)) ?? "");
    if (found === undefined) {
      listed.push(unreadable("", `${state.orphans.dir}/${name} cannot be read; remove it`));
      continue;
    }
    const { containerId, delegate, netns, why } = found;
    listed.push({ ...shown(containerId, delegate), netns, state: "orphan", why });
  }
  return listed;
}

async function forgetOrphans({ state }: Ports, containerId: string, network?: string): Promise<string[]> {
  const forgotten: string[] = [];
  for (const [name, text] of await state.orphans.ofContainer(containerId)) {
    const found = orphanOf(text);
    if (found?.containerId !== containerId) continue;
    if (network !== undefined && !isOf(found.delegate, network)) continue;
    await state.orphans.remove(name);
    forgotten.push(`${line(found.delegate)}, an orphan`);
  }
  return forgotten;
}

/** The scratch file goes last: if this is cut off, it can be done again. */
async function forgetContainer({ core, host, state }: Ports, containerId: string): Promise<string[]> {
  const { delegates, caches, scratch, unusable } = await recovered({ core, state }, containerId);
  for (const delegate of delegates) await removeDeviceInfo(delegate, host);
  for (const name of caches) await state.removeCache(name);
  if (scratch === undefined && caches.length === 0) return [];
  await state.removeScratch(containerId);
  return [...delegates.map(line), ...unusable.map(({ why }) => `a file that cannot be read: ${why}`)];
}

/** The scratch file keeps the entry, as the interface names of others may depend on its place; a note says that it is done with. */
async function forgetNetwork({ core, host, state }: Ports, containerId: string, network: string) {
  const { delegates, unusable } = await recovered({ core, state }, containerId);
  const own = delegates.filter((delegate) => isOf(delegate, network));
  for (const delegate of own) {
    const why = "an administrator has said so";
    await state.writeNote(delegate.cacheFile, {
      containerId,
      addFailed: false,
      tries: 0,
      why,
      done: "forgotten",
    });
    await removeDeviceInfo(delegate, host);
    await state.removeCache(delegate.cacheFile);
  }
  const notes = await Promise.all(delegates.map(({ cacheFile }) => state.note(cacheFile)));
  if (own.length > 0 && unusable.length === 0 && notes.every((note) => note?.done)) {
    await state.removeScratch(containerId);
  }
  return own.map(line);
}

async function recovered({ core, state }: Pick<Ports, "core" | "state">, containerId: string) {
  const { scratch, caches } = await state.read(containerId);
  const texts = [...caches];
  const recovery = core.recover({
    runtime: { containerId, args: "" },
    ...(scratch === undefined ? {} : { scratch }),
    caches: texts.map(([, text]) => text),
  });
  // Of the files that may be its own: those that are, and those that nobody can read.
  const owned = new Set(recovery.delegates.map(({ cacheFile }) => cacheFile));
  for (const { cache } of recovery.unusable) owned.add(texts[cache ?? -1]?.[0] ?? "");
  return { ...recovery, scratch, caches: texts.map(([name]) => name).filter((name) => owned.has(name)) };
}

function isOf({ name, network }: Delegate, wanted: string): boolean {
  return name === wanted || network === wanted;
}

function line({ ifname, name, plugins }: Delegate): string {
  return `${ifname}: network ${name} (${plugins.join(", ")})`;
}

function shown(containerId: string, { ifname, name, plugins, netns = "", runtimeNetwork, args }: Delegate) {
  const attachedBy = runtimeNetwork === undefined ? "multus" : "plexus";
  const said = new Map(args);
  const [namespace, pod] = [said.get("K8S_POD_NAMESPACE"), said.get("K8S_POD_NAME")];
  return {
    containerId,
    ifname,
    ...(pod ? { pod: `${namespace}/${pod}` } : {}),
    network: name,
    plugins,
    netns,
    attachedBy,
  } as const;
}

function unreadable(containerId: string, why: string): ListedAttachment {
  return { containerId, ifname: "", network: "", plugins: [], netns: "", state: "unreadable", why };
}
