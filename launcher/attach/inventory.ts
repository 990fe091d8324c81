// What attachments there are on a node, by its files: for an operator, who may also say that one is to be forgotten.
import type { Core, Delegate } from "../../packages/core/index.ts";
import { removeDeviceInfo } from "../device/deviceinfo.ts";
import type { Host } from "../host/host.ts";
import { STATE_DIR } from "../paths.ts";
import type { State } from "../state/state.ts";
import { delegatesIn } from "./files.ts";
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
  /** With their prefix lengths; as its result has them. */
  addresses: string[];
  mac?: string;
  /** The ID of the device that it has: a VF's PCI address. */
  device?: string;
  /** What says so: the paths of its files. */
  files: string[];
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
  const { ids, strays } = await ports.state.owners();
  for (const containerId of [...ids].sort()) listed.push(...(await attachmentsOf(ports, containerId)));
  const nobodys = strays.map((path) =>
    unreadable("", `${path} cannot be read, nor whose it is; remove it if that container is gone`, path),
  );
  return [...listed, ...nobodys, ...(await listOrphans(ports))];
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
  const orphans = await forgetOrphans(ports, containerId, network);
  const attachments = await (network === undefined
    ? forgetContainer(ports, containerId)
    : forgetNetwork(ports, containerId, network));
  if (orphans.length + attachments.length > 0) return [...orphans, ...attachments];
  const what = network === undefined ? "nothing" : `nothing of network ${network}`;
  const list = listing(ports.state.cniDir);
  throw new Error(`there is ${what} of container ${containerId}; \`${list}\` lists what there is`);
}

/** The command that lists the attachments of a state directory. */
export function listing(dir: string): string {
  return `plexus attachments${optionFor(dir)}`;
}

/** The option, with a blank before it, by which commands take another state directory than the usual one; "" for that. */
export function optionFor(dir: string): string {
  return dir === STATE_DIR ? "" : ` --cni-dir ${dir}`;
}

async function attachmentsOf({ core, state }: Ports, containerId: string): Promise<ListedAttachment[]> {
  const { delegates, unusable, scratch, caches } = await recovered({ core, state }, containerId);
  const listed: ListedAttachment[] = [];
  for (const delegate of delegates) {
    const { cacheFile } = delegate;
    const note = await state.note(cacheFile);
    if (note?.done) continue; // an orphan is listed by its own file
    const isAttached = delegate.result !== undefined;
    const paths = state.pathsOf(containerId, cacheFile);
    const files = [
      ...(scratch === undefined ? [] : [paths.scratch]),
      ...(caches.includes(cacheFile) ? [paths.cache] : []),
      ...(note ? [paths.note] : []),
    ];
    listed.push({
      ...shown(containerId, delegate, files),
      state: note ? "failing" : isAttached ? "attached" : "attaching",
      ...(note ? { tries: note.tries, why: note.why } : {}),
    });
  }
  const unreadables = unusable.map(({ why, cache }) => {
    const paths = state.pathsOf(containerId, cache ?? "");
    return unreadable(containerId, why, cache === undefined ? paths.scratch : paths.cache);
  });
  return [...listed, ...unreadables];
}

async function listOrphans({ state }: Ports): Promise<ListedAttachment[]> {
  const listed: ListedAttachment[] = [];
  for (const { name } of await state.orphans.names()) {
    const path = `${state.orphans.dir}/${name}`;
    const found = orphanOf((await state.orphans.read(name)) ?? "");
    if (found === undefined) {
      listed.push(unreadable("", `${path} cannot be read; remove it`, path));
      continue;
    }
    const { containerId, delegate, netns, why } = found;
    listed.push({ ...shown(containerId, delegate, [path]), netns, state: "orphan", why });
  }
  return listed;
}

async function forgetOrphans({ state }: Ports, containerId: string, network?: string): Promise<string[]> {
  const forgotten: string[] = [];
  for (const [name, text] of await state.orphans.ofContainer(containerId)) {
    const found = orphanOf(text);
    if (found === undefined && network === undefined && state.orphans.isNamedFor(name, containerId)) {
      await state.orphans.remove(name);
      forgotten.push(`an orphan that cannot be read: ${name}`);
      continue;
    }
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
  const files = await state.read(containerId);
  const found = delegatesIn(core, files, { runtime: { containerId, args: "" } });
  // Of the files that may be its own: those that are, and those that nobody can read.
  const owned = new Set(found.delegates.map(({ cacheFile }) => cacheFile));
  for (const { cache } of found.unusable) owned.add(cache ?? "");
  return {
    ...found,
    scratch: files.scratch,
    caches: [...files.caches.keys()].filter((name) => owned.has(name)),
  };
}

function isOf({ name, network }: Delegate, wanted: string): boolean {
  return name === wanted || network === wanted;
}

function line({ ifname, name, plugins }: Delegate): string {
  return `${ifname}: network ${name} (${plugins.join(", ")})`;
}

function shown(containerId: string, delegate: Delegate, files: string[]): Omit<ListedAttachment, "state"> {
  const { ifname, name, plugins, netns = "", runtimeNetwork, deviceID, args, result } = delegate;
  const attachedBy = runtimeNetwork === undefined ? "multus" : "plexus";
  const { K8S_POD_NAMESPACE: namespace, K8S_POD_NAME: pod } = Object.fromEntries(args);
  const { addresses, mac } = madeBy(result, ifname);
  return {
    ...{ containerId, ifname, network: name, plugins, netns, attachedBy, addresses, files },
    ...(namespace && pod ? { pod: `${namespace}/${pod}` } : {}),
    ...(mac === undefined ? {} : { mac }),
    ...(deviceID === undefined ? {} : { device: deviceID }),
  };
}

interface Result {
  ips?: { address?: unknown }[];
  /** Until CNI 0.2.0. */
  ip4?: { ip?: unknown };
  ip6?: { ip?: unknown };
  interfaces?: { name?: unknown; mac?: unknown; sandbox?: unknown }[];
}

/** Returns what a result says of the interface in the container. It is for a person: no decision is made of it. */
function madeBy(text = "{}", ifname: string): { addresses: string[]; mac: string | undefined } {
  const isText = (value: unknown): value is string => typeof value === "string";
  try {
    const { ips = [], ip4, ip6, interfaces = [] } = JSON.parse(text) as Result;
    const own = interfaces.find(({ name, sandbox }) => name === ifname && sandbox);
    const addresses = [...ips.map(({ address }) => address), ip4?.ip, ip6?.ip].filter(isText);
    return { addresses, mac: isText(own?.mac) ? own.mac : undefined };
  } catch {
    return { addresses: [], mac: undefined }; // a plugin of another's, which nobody has checked
  }
}

function unreadable(containerId: string, why: string, file: string): ListedAttachment {
  const nothing = { ifname: "", network: "", plugins: [], netns: "", addresses: [] };
  return { containerId, ...nothing, files: [file], state: "unreadable", why };
}
