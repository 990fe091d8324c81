// Orphans on disk: what is left of attachments that no DEL could undo, a file each in `<cniDir>/orphans`.
//
// How it works: a file's name says what is needed to choose among many: a number, which grows, so that the oldest is known;
// whether its ADD has ever succeeded; its container and interface. There are so many at most, and of such a size: a
// user whose pods fail in such a way, for days, does not fill the disk, nor GC's time.
import type { Host } from "../host/host.ts";
import { readState } from "./read.ts";

/** So many are kept of those whose ADD has never succeeded, and of all. */
const MAX_NEVER_ATTACHED = 100;
const MAX_ORPHANS = 1000;
/** Of all files together. A conf is seldom larger than a kilobyte. */
const MAX_BYTES = 64 << 20;
/** What a size that the host tells may be wrong by: launcher/host/host.ts. */
const SIZE_STEP = 1024;

interface OrphanName {
  name: string;
  number: number;
  wasAttached: boolean;
}

/** `<number>-<attached or never>-<containerID>-<ifname>`: at most 236 bytes, as an ID has at most 200. */
const NAME = /^(\d{1,15})-(attached|never)-/;
/** GC goes on behind this one. */
const CURSOR = ".cursor";

export class Orphans {
  constructor(
    private readonly host: Host,
    readonly dir: string,
  ) {}

  /** The oldest first. */
  async names(): Promise<OrphanName[]> {
    const names = (await this.host.list(this.dir)).filter((name) => !name.startsWith("."));
    return names.map(parsed).sort((one, other) => one.number - other.number);
  }

  /** The text of each one that is of the container; some may turn out to be another's. */
  async ofContainer(containerId: string): Promise<Map<string, string>> {
    const texts = new Map<string, string>();
    for (const { name } of await this.names()) {
      if (!name.includes(`-${containerId}-`)) continue;
      const text = await this.read(name);
      if (text !== undefined) texts.set(name, text);
    }
    return texts;
  }

  /** Is it the container's, by its name? Another ID may begin with that one and a hyphen. */
  isNamedFor(name: string, containerId: string): boolean {
    return name.replace(NAME, "").startsWith(`${containerId}-`);
  }

  read(name: string): Promise<string | undefined> {
    return readState(this.host, `${this.dir}/${name}`);
  }

  /** Keeps one more. */
  async add(text: string, of: { wasAttached: boolean; containerId: string; ifname: string }): Promise<void> {
    const kind = of.wasAttached ? "attached" : "never";
    for (let number = ((await this.names()).at(-1)?.number ?? 0) + 1; ; number++) {
      const name = `${String(number).padStart(10, "0")}-${kind}-${of.containerId}-${of.ifname}`;
      if (await this.host.create(`${this.dir}/${name}`, text)) return;
    }
  }

  remove(name: string): Promise<void> {
    return this.host.remove(`${this.dir}/${name}`);
  }

  /** Those that are too many: the oldest that were never attached first. */
  async surplus(): Promise<string[]> {
    const names = await this.names();
    const sizes = new Map<string, number>();
    for (const { name } of names) sizes.set(name, (await this.host.size(`${this.dir}/${name}`)) + SIZE_STEP);
    let bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    let count = names.length;
    const never = names.filter(({ wasAttached }) => !wasAttached);
    const surplus = never.slice(0, Math.max(0, never.length - MAX_NEVER_ATTACHED));
    const others = [...never.slice(surplus.length), ...names.filter(({ wasAttached }) => wasAttached)];
    for (const { name } of surplus) bytes -= sizes.get(name) ?? 0;
    count -= surplus.length;
    for (const one of others) {
      if (count <= MAX_ORPHANS && bytes <= MAX_BYTES) break;
      surplus.push(one);
      bytes -= sizes.get(one.name) ?? 0;
      count--;
    }
    return surplus.map(({ name }) => name);
  }

  /** All, in the order in which GC is to try them: those first that the last one had no time for. */
  async inTurn(): Promise<string[]> {
    const names = (await this.names()).map(({ name }) => name);
    const last = (await this.host.read(`${this.dir}/${CURSOR}`)) ?? "";
    const at = names.indexOf(last) + 1;
    return [...names.slice(at), ...names.slice(0, at)];
  }

  /** Notes how far a GC has come that had no time for all; undefined if it had. */
  async note(last: string | undefined): Promise<void> {
    const path = `${this.dir}/${CURSOR}`;
    if (last !== undefined) await this.host.write(path, last);
    else await this.host.remove(path);
  }
}

function parsed(name: string): OrphanName {
  const [, number = "0", kind = "attached"] = NAME.exec(name) ?? [];
  return { name, number: Number(number), wasAttached: kind === "attached" };
}
