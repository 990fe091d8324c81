// What must be there after an ADD that succeeded: what was asked for, the state that a DEL needs, and a network-status that
// says what is there.
import { CNI_DIR, type Machine } from "./machine.ts";
import type { Link, RuntimeCall } from "./network.ts";
import type { Pods } from "./pods.ts";
import type { Container } from "./runtime.ts";
import { type Setup, type Wanted, wantedOf } from "./setup.ts";

export interface Known {
  machine: Machine;
  setup: Setup;
  pods: Pods;
}

/**
 * Checks what an ADD has attached.
 *
 * @param sinceMs when it began: any version of the pod since then may be what it has seen
 */
export function checkAttached(known: Known, call: RuntimeCall, container: Container, sinceMs: number): void {
  const { machine, pods, setup } = known;
  const what = `ADD ${call.containerId} ${call.ifname} #${call.id}`;
  const links = linksOf(machine, call);
  const found = setOf(links.map(([name, { network }]) => `${name} ${network}`));
  const annotations = setup.kubernetes ? pods.annotationsSince(container, sinceMs) : [""];
  // For a pod that is gone, nothing is attached.
  const possible = annotations.map((one) => (one === undefined ? [] : wantedOf(setup, container, one)));
  const wanted = possible.find((one) => setOf(one.map(nameOf)) === found);
  if (wanted === undefined) {
    const asked = possible.map((one) => `[${one.map(nameOf).join(", ")}]`).join(" or ");
    machine.violated("add-differs", `${what}: [${found}], not ${asked}`);
    return;
  }
  if (wanted.length === 0) return;
  checkState(machine, call, wanted);
  if (setup.kubernetes) checkStatus(known, container, links, what);
}

function linksOf({ network }: Machine, { containerId, ifname, netns }: RuntimeCall): [string, Link][] {
  const links = network.namespaces.get(netns)?.links ?? new Map<string, Link>();
  return [...links].filter(([, { owner }]) => owner.containerId === containerId && owner.ifname === ifname);
}

function checkState(machine: Machine, { containerId, id }: RuntimeCall, wanted: Wanted[]): void {
  const caches = wanted.map(
    ({ network, ifname }) => `${CNI_DIR}/results/${network}-${containerId}-${ifname}`,
  );
  for (const path of [`${CNI_DIR}/${containerId}`, ...caches]) {
    if (machine.disk.exists(path)) continue;
    machine.violated("add-without-state", `ADD ${containerId} #${id}: there is no ${path}`);
  }
}

/** The pod's network-status has each interface, with its addresses. */
function checkStatus(
  { machine, pods }: Known,
  container: Container,
  links: [string, Link][],
  what: string,
): void {
  const text = pods.networkStatusOf(container);
  if (text === undefined) {
    // The pod was deleted or replaced since; if it was not, nobody wrote it.
    const isThere = pods.annotationsSince(container, machine.timeline.now()).at(-1) !== undefined;
    if (isThere) machine.violated("status-missing", what);
    return;
  }
  const said = (JSON.parse(text) as { interface: string; mac?: string; ips?: string[] }[]).map(
    ({ interface: name, mac = "", ips = [] }) => `${name} ${mac} ${ips.join(" ")}`,
  );
  const is = links.map(([name, { mac, addresses }]) => `${name} ${mac} ${addresses.join(" ")}`);
  if (setOf(said) === setOf(is)) return;
  machine.violated("status-differs", `${what}: ${setOf(said)}, and there is ${setOf(is)}`);
}

function nameOf({ ifname, network }: Wanted): string {
  return `${ifname} ${network}`;
}

function setOf(names: string[]): string {
  return names.toSorted().join(", ");
}
