// What there is of an attachment on the node.
import { CNI_DIR, type Machine } from "./machine.ts";
import type { Owner } from "./network.ts";

/** Attachments that no DEL could undo: launcher/attach/orphans.ts. */
export const ORPHANS_DIR = `${CNI_DIR}/orphans/`;

/** Something that is there. */
export interface Left {
  what: string;
  /** It was made by a plugin that nobody waited for any more. */
  isOrphan: boolean;
  /** It is on record as an orphan, for a GC to detach. */
  isKept: boolean;
}

/** Files that are there, and should not be; apart, those that a loss of power has brought back. */
export function reportFiles(machine: Machine, kind: string, when: string, paths: string[]): void {
  const { resurrected } = machine.disk;
  const back = paths.filter((path) => resurrected.has(path));
  const left = paths.filter((path) => !resurrected.has(path));
  if (left.length > 0) machine.violated(kind, `${when}: ${left.join(", ")}`);
  if (back.length > 0) machine.violated(`${kind}, its removal was lost`, `${when}: ${back.join(", ")}`);
}

/** The attachments on record as orphans, as `containerID ifname` by the names of their own interfaces. */
export function orphansOf({ disk }: Machine): Set<string> {
  const whole = disk.files(ORPHANS_DIR.slice(0, -1)).filter((path) => !path.includes("/."));
  const texts = whole.map((path) => disk.peek(path) ?? "");
  return new Set(
    texts.map((text) => {
      const { containerId, delegate } = JSON.parse(text) as {
        containerId: string;
        delegate: { ifname: string };
      };
      return `${containerId} ${delegate.ifname}`;
    }),
  );
}

/** Links, addresses and rules that were made for an attachment of the runtime's; without names, those of all. */
export function resources(machine: Machine, containerId?: string, ifname?: string): Left[] {
  const { addresses, network } = machine;
  const found: { what: string; owner: Owner | undefined; of: string }[] = [];
  for (const [path, { links }] of network.namespaces) {
    for (const [name, { owner }] of links) {
      found.push({ what: `link ${name} in ${path}`, owner, of: `${owner.containerId} ${name}` });
    }
  }
  for (const [key, owner] of network.rules) {
    found.push({ what: `rules of ${key}`, owner, of: key.slice(key.indexOf(" ") + 1) });
  }
  for (const one of addresses.all()) {
    const what = `address ${one.address} of ${one.network}`;
    found.push({ what, owner: one.owner, of: `${one.containerId} ${one.ifname}` });
  }
  const own = found
    .filter(({ owner }) => containerId === undefined || owner?.containerId === containerId)
    .filter(({ owner }) => ifname === undefined || owner?.ifname === ifname);
  if (own.length === 0) return [];
  const orphans = orphansOf(machine);
  return own.map(({ what, owner, of }) => ({
    what,
    isOrphan: owner?.isOrphan ?? false,
    isKept: orphans.has(of),
  }));
}

/** Reports what is left and not on record; that which was made by orphans, apart. */
export function report(machine: Machine, kind: string, when: string, left: Left[]): void {
  for (const isOrphan of [false, true]) {
    const lost = left.filter((one) => !one.isKept && one.isOrphan === isOrphan);
    const whats = lost.map(({ what }) => what);
    if (whats.length > 0)
      machine.violated(isOrphan ? "left-by-orphan" : kind, `${when}: ${whats.join(", ")}`);
  }
}
