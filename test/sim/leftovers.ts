// What there is of an attachment on the node.
import type { Machine } from "./machine.ts";
import type { Owner } from "./network.ts";

/** Something that is there. */
export interface Left {
  what: string;
  /** It was made by an orphan. */
  isOrphan: boolean;
}

/** Files that are there, and should not be; apart, those that a loss of power has brought back. */
export function reportFiles(machine: Machine, kind: string, when: string, paths: string[]): void {
  const { resurrected } = machine.disk;
  const back = paths.filter((path) => resurrected.has(path));
  const left = paths.filter((path) => !resurrected.has(path));
  if (left.length > 0) machine.violated(kind, `${when}: ${left.join(", ")}`);
  if (back.length > 0) machine.violated(`${kind}, its removal was lost`, `${when}: ${back.join(", ")}`);
}

/** Links, addresses and rules that were made for an attachment of the runtime's; without names, those of all. */
export function resources(machine: Machine, containerId?: string, ifname?: string): Left[] {
  const { addresses, network } = machine;
  const found: { what: string; owner: Owner | undefined }[] = [];
  for (const [path, { links }] of network.namespaces) {
    for (const [name, { owner }] of links) found.push({ what: `link ${name} in ${path}`, owner });
  }
  for (const [key, owner] of network.rules) found.push({ what: `rules of ${key}`, owner });
  for (const { address, network: name, owner } of addresses.all()) {
    found.push({ what: `address ${address} of ${name}`, owner });
  }
  return found
    .filter(({ owner }) => containerId === undefined || owner?.containerId === containerId)
    .filter(({ owner }) => ifname === undefined || owner?.ifname === ifname)
    .map(({ what, owner }) => ({ what, isOrphan: owner?.isOrphan ?? false }));
}

/** Reports what is left; that which was made by orphans, apart. */
export function report(machine: Machine, kind: string, when: string, left: Left[]): void {
  for (const isOrphan of [false, true]) {
    const whats = left.filter((one) => one.isOrphan === isOrphan).map(({ what }) => what);
    if (whats.length > 0)
      machine.violated(isOrphan ? "left-by-orphan" : kind, `${when}: ${whats.join(", ")}`);
  }
}
