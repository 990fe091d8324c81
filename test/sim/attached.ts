// What must be there after an ADD that succeeded: what was asked for, the state that a DEL needs, and a network-status that
// says what is there.
import { CNI_DIR, type Machine, type Violation } from "./machine.ts";
import type { Link, RuntimeCall } from "./network.ts";
import type { Pods } from "./pods.ts";
import type { Container } from "./runtime.ts";
import { isOfVfs, type Setup, vfOf, type Wanted, wantedOf } from "./setup.ts";

export interface Known {
  machine: Machine;
  setup: Setup;
  pods: Pods;
}

/**
 * Checks what an ADD has attached.
 *
 * @param sinceMs when it began: any version of the pod since then may be what it has seen
 * @returns what is attached
 */
export function checkAttached(
  known: Known,
  call: RuntimeCall,
  container: Container,
  sinceMs: number,
): Wanted[] {
  const { machine, pods, setup } = known;
  const what = `ADD ${call.containerId} ${call.ifname} #${call.id}`;
  const links = linksOf(known, call, container);
  const found = setOf(links.map(({ name, network }) => `${name} ${network}`));
  // What a daemon, or a resident process, knows may be old.
  const since = setup.mode === "one-shot" ? sinceMs : 0;
  const annotations = setup.kubernetes ? pods.annotationsSince(container, since) : [""];
  // For a pod that is gone, nothing is attached.
  const possible = annotations.map((one) => (one === undefined ? [] : wantedOf(setup, container, one)));
  const wanted = possible.find((one) => setOf(one.map(nameOf)) === found);
  if (wanted === undefined && machine.handmade.has(call.netns)) return [];
  if (wanted === undefined) {
    const asked = possible.map((one) => `[${one.map(nameOf).join(", ")}]`).join(" or ");
    machine.violated("add-differs", `${what}: [${found}], not ${asked}`);
    return [];
  }
  if (wanted.length === 0) return [];
  checkState(machine, call, wanted);
  checkAllocation(known, call, container, wanted);
  if (setup.kubernetes && !machine.handmade.has(call.netns)) checkStatus(known, container, links, what);
  return wanted;
}

/** An interface of the container. */
export interface Interface {
  askedMac?: string | undefined;
  colour?: string | undefined;
  isMapped?: boolean;
  name: string;
  network: string;
  mac: string;
  addresses: string[];
}

export function linksOf(known: Known, call: RuntimeCall, container: Container): Interface[] {
  const { containerId, ifname, netns } = call;
  const links = known.machine.network.namespaces.get(netns)?.links ?? new Map<string, Link>();
  const own = [...links].filter(
    ([, { owner }]) => owner.containerId === containerId && owner.ifname === ifname,
  );
  return [...own.map(([name, link]) => ({ name, ...link })), ...vfsOf(known, call, container)];
}

/** Its VF, as a link in its network namespace, or behind vfio-pci. */
function vfsOf({ machine, setup }: Known, { netns }: RuntimeCall, container: Container): Interface[] {
  const { devices, disk } = machine;
  const network = setup.networks.find(isOfVfs);
  if (devices === undefined || network === undefined) return [];
  const inNamespace = devices.linksIn(netns).map(({ name, mac, addresses }) => ({
    name,
    network: network.name,
    mac,
    addresses: addresses.map((address) => address.replace(/\/\d+$/, "")),
  }));
  const address = vfOf(setup, container);
  if (devices.sysfs.driver(address) !== "vfio-pci") return inNamespace;
  const text = disk.peek(`${CNI_DIR}/sriov/${address}`) ?? "{}";
  const { containerId, ifname: name = "" } = JSON.parse(text) as { containerId?: string; ifname?: string };
  return containerId === container.id ? [{ name, network: network.name, mac: "", addresses: [] }] : [];
}

function checkState(machine: Machine, { containerId, id }: RuntimeCall, wanted: Wanted[]): void {
  const caches = wanted.map(
    ({ network, ifname }) => `${CNI_DIR}/results/${network}-${containerId}-${ifname}`,
  );
  for (const path of [`${CNI_DIR}/${containerId}`, ...caches]) {
    if (machine.disk.isDurable(path)) continue;
    const what = machine.disk.exists(path) ? "a loss of power could take" : "there is no";
    machine.violated("add-without-state", `ADD ${containerId} #${id}: ${what} ${path}`);
  }
}

/** Who has a VF is on record. */
function checkAllocation(
  { machine, setup }: Known,
  call: RuntimeCall,
  container: Container,
  wanted: Wanted[],
): void {
  const name = setup.networks.find(isOfVfs)?.name;
  if (!wanted.some(({ network }) => network === name)) return;
  const path = `${CNI_DIR}/sriov/${vfOf(setup, container)}`;
  const { containerId } = JSON.parse(machine.disk.peek(path) ?? "{}") as { containerId?: string };
  if (containerId === call.containerId) return;
  machine.violated("add-without-state", `ADD ${call.containerId} #${call.id}: ${path} says ${containerId}`);
}

function checkStatus(known: Known, container: Container, links: Interface[], what: string): void {
  const wrong = statusProblem(known, container, links, what);
  if (wrong) known.machine.violated(wrong.kind, wrong.text);
}

/** The pod's network-status has each interface, with its addresses; undefined if it has. */
export function statusProblem(
  { machine, pods }: Known,
  container: Container,
  links: Interface[],
  what: string,
): Violation | undefined {
  const text = pods.networkStatusOf(container);
  if (text === undefined) {
    // The pod was deleted or replaced since; if it was not, nobody wrote it.
    const isThere = pods.annotationsSince(container, machine.timeline.now()).at(-1) !== undefined;
    return isThere ? { kind: "status-missing", text: what } : undefined;
  }
  const said = (JSON.parse(text) as { interface: string; mac?: string; ips?: string[] }[]).map(
    ({ interface: name, mac = "", ips = [] }) => `${name} ${mac} ${ips.join(" ")}`,
  );
  const is = links.map(({ name, mac, addresses }) => `${name} ${mac} ${addresses.join(" ")}`);
  if (setOf(said) === setOf(is)) return undefined;
  return { kind: "status-differs", text: `${what}: ${setOf(said)}, and there is ${setOf(is)}` };
}

function nameOf({ ifname, network }: Wanted): string {
  return `${ifname} ${network}`;
}

function setOf(names: string[]): string {
  return names.toSorted().join(", ");
}
