// The delegates of a container, by its files, however large these are.
//
// How it works: the core makes one list of all files. If they are too large for it together, or it cannot use one of them, each
// is looked at by itself: the entries of the scratch file one by one, and the results one by one. So one file, or one entry, that
// nothing can be learned from takes no other with it. ADD keeps no more than the core takes at once; others may have.
import {
  type Core,
  type Delegate,
  MAX_INPUT_BYTES,
  type RecoverInput,
  type Recovery,
} from "../../packages/core/index.ts";
import { Code, Fault } from "../fault.ts";
import type { ContainerFiles } from "../state/state.ts";

/** A file that nothing can be learned from. */
interface Unusable {
  why: string;
  /** Its name in the result cache; absent for the scratch file, or a part of it. */
  cache?: string;
}

export interface Found {
  /** In the order in which they were added. */
  delegates: Delegate[];
  /** The scratch file without them, if another call for the container has entries in it. */
  rest?: string | undefined;
  unusable: Unusable[];
}

/** How a container is looked for, beside its files. */
type Wanted = Omit<RecoverInput, "scratch" | "caches">;

/** Finds the delegates of a container in its files. Throws what is not the fault of a file. */
export function delegatesIn(core: Core, files: ContainerFiles, wanted: Wanted): Found {
  const found = bestOf(core, files, wanted);
  const unusable = found.unusable.map((one) => ({ ...one, why: files.odd?.get(one.cache ?? "") ?? one.why }));
  return { ...found, unusable };
}

function bestOf(core: Core, files: ContainerFiles, wanted: Wanted): Found {
  const whole = together(core, files, wanted);
  if (whole?.unusable.length === 0) return whole;
  const parts = oneByOne(core, files, wanted);
  if (whole === undefined) return parts;
  const isBetter =
    parts.unusable.length < whole.unusable.length || parts.delegates.length > whole.delegates.length;
  return isBetter ? parts : whole;
}

/** Undefined if they are too large together. */
function together(core: Core, { scratch, caches }: ContainerFiles, wanted: Wanted): Found | undefined {
  const texts = [...caches.values()];
  const all = scratch === undefined ? texts : [scratch, ...texts];
  if (all.reduce((sum, { length }) => sum + length, 0) > MAX_INPUT_BYTES) return undefined;
  const found = attempt(core, { ...wanted, ...(scratch === undefined ? {} : { scratch }), caches: texts });
  if (typeof found === "string") return undefined;
  const names = [...caches.keys()];
  const unusable = found.unusable.map(({ why, cache }) => ofCache(why, names[cache ?? -1]));
  return { ...found, unusable };
}

/** Returns why it cannot be done with these files. */
function attempt(core: Core, input: RecoverInput): Recovery | string {
  try {
    return core.recover(input);
  } catch (error) {
    const { code, message } = Fault.of(error);
    if (code !== Code.decodeFailure && code !== Code.invalidNetworkConfig) throw error;
    return message;
  }
}

function oneByOne(core: Core, { scratch, caches }: ContainerFiles, wanted: Wanted): Found {
  const unusable: Unusable[] = [];
  const cached = new Map<string, Delegate>();
  for (const [name, text] of caches) {
    const found = attempt(core, { runtime: wanted.runtime, caches: [text] });
    if (typeof found === "string") {
      unusable.push(ofCache(`a file of the result cache: ${found}`, name));
      continue;
    }
    unusable.push(...found.unusable.map(({ why }) => ofCache(why, name)));
    for (const delegate of found.delegates) cached.set(delegate.cacheFile, delegate);
  }
  const listed = scratch === undefined ? { delegates: [], unusable: [] } : scratchOf(core, scratch, wanted);
  const delegates = listed.delegates.map((delegate) => {
    const own = cached.get(delegate.cacheFile);
    cached.delete(delegate.cacheFile);
    return own === undefined ? delegate : withResult(delegate, own, wanted);
  });
  const rest = [...cached.values()];
  delegates.push(...rest.filter((one) => one.default), ...rest.filter((one) => !one.default));
  return { ...listed, delegates, unusable: [...listed.unusable, ...unusable] };
}

/** Adds what only the cache knows. */
function withResult(
  delegate: Delegate,
  { args, capabilityArgs, netns, result }: Delegate,
  { runtime }: Wanted,
): Delegate {
  return {
    ...delegate,
    ...(capabilityArgs === undefined ? {} : { capabilityArgs }),
    ...(netns === undefined ? {} : { netns }),
    ...(result === undefined ? {} : { result }),
    ...(runtime.args === "" && args.length > 0 ? { args } : {}),
  };
}

function scratchOf(core: Core, scratch: string, wanted: Wanted): Found {
  const whole = together(core, { scratch, caches: new Map() }, wanted);
  if (whole?.unusable.length === 0) return whole;
  return entriesOf(core, scratch, wanted);
}

/**
 * Reads the entries of a scratch file one by one. An entry's place counts, as Multus's have no names of interfaces: those before it
 * are there without what is in them, which the core finds unusable.
 */
function entriesOf(core: Core, scratch: string, wanted: Wanted): Found {
  const entries = listIn(scratch);
  if (typeof entries === "string")
    return { delegates: [], unusable: [{ why: `the scratch file: ${entries}` }] };
  const { ifname = "" } = wanted.runtime;
  const delegates: Delegate[] = [];
  const unusable: Unusable[] = [];
  const before: unknown[] = [];
  const others: unknown[] = [];
  for (const entry of entries) {
    const owner = ownerOf(entry);
    if (owner && ifname && owner !== ifname) {
      others.push(entry);
      continue;
    }
    const found = attempt(core, { ...wanted, scratch: JSON.stringify([...before, entry]), caches: [] });
    const why = typeof found === "string" ? found : found.unusable[before.length]?.why;
    if (typeof found !== "string") delegates.push(...found.delegates);
    if (why !== undefined) unusable.push({ why });
    before.push({ runtimeIfName: owner });
  }
  return { delegates, ...(others.length > 0 ? { rest: JSON.stringify(others) } : {}), unusable };
}

/** Returns why it is not a list. */
function listIn(text: string): unknown[] | string {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? list : "it is not a list";
  } catch (error) {
    return (error as Error).message;
  }
}

function ownerOf(entry: unknown): string | undefined {
  const owner = (entry as { runtimeIfName?: unknown } | null)?.runtimeIfName;
  return typeof owner === "string" ? owner : undefined;
}

function ofCache(why: string, cache: string | undefined): Unusable {
  return cache === undefined ? { why } : { why, cache };
}
