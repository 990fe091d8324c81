// What must hold with hot-plug: some time after the last fault each pod has what it asks for, and says so; and what it must
// not ask for changes nothing.
import { type Interface, type Known, linksOf, statusProblem } from "./attached.ts";
import { CNI_DIR, type Violation } from "./machine.ts";
import type { RuntimeCall } from "./network.ts";
import type { Container } from "./runtime.ts";
import { type Element, elementsOf } from "./setup.ts";

/** Is the container one whose networks may change at all: attached, and of a pod that runs in a network of its own? */
export function mayChange(known: Known, container: Container): boolean {
  const pod = known.pods.own(container);
  return isAttached(known, container) && pod?.status === undefined && container.hostNetwork !== true;
}

/** Is it attached, and its pod there? */
export function isAttached({ machine, pods }: Known, container: Container): boolean {
  const isThere = container.known === "attached" && machine.network.namespaces.has(container.netns);
  return isThere && pods.own(container) !== undefined;
}

/** Is the container one that has to have what its pod asks for? */
export function mustConverge(known: Known, container: Container): boolean {
  const { machine, pods, setup } = known;
  const elements = elementsOf(pods.annotationOf(container) ?? "[");
  if (!mayChange(known, container) || elements === undefined) return false;
  const { server } = machine.internet;
  const isThere = (name: string) =>
    setup.networks.some((one) => one.name === name) && server.get("network-attachment-definitions", name);
  const names = elements.map(({ name }) => name);
  return [...names, ...(container.defaultNetwork ?? [])].every(isThere);
}

/** What a container has not of what its pod asks for; undefined if it has all, and nothing else, and network-status says so. */
export function notConverged(known: Known, container: Container): Violation | undefined {
  const annotation = known.pods.annotationOf(container) ?? "";
  const what = `${container.id}, which asks for ${annotation}`;
  const links = interfacesOf(known, container);
  const missing = [];
  const rest = links.filter(({ name }) => name !== container.ifname);
  if (rest.length === links.length) missing.push(container.ifname);
  // Those with names first: any other link will do for the rest.
  const elements = (elementsOf(annotation) ?? []).toSorted((one, other) => rank(one) - rank(other));
  for (const element of elements) {
    const at = rest.findIndex(({ askedMac, colour, name, network }) => {
      const isNamed = (element.interface ?? name) === name;
      const isAlike = element.mac === askedMac && element["cni-args"]?.colour === colour;
      return network === element.name && isNamed && isAlike;
    });
    if (at < 0) missing.push(JSON.stringify(element));
    else rest.splice(at, 1);
  }
  const more = rest.map(({ name, network }) => `${name} ${network}`);
  const removed = removedByHand(known, container);
  if (missing.length > removed || more.length > 0)
    return { kind: "not-converged", text: `${what}: it has not [${missing}], and has [${more}] besides` };
  const halves = links.filter((one) => isHalf(known, container, one)).map(({ name }) => name);
  if (halves.length > 0) return { kind: "half-attached", text: `${what}: only a part is left of ${halves}` };
  return removed > 0 ? undefined : statusProblem(known, container, links, what);
}

/** Is an interface one without an address, or whose address is not reserved any more, or whose rules are gone? */
function isHalf(
  { machine }: Known,
  { id }: Container,
  { addresses, isMapped, name, network }: Interface,
): boolean {
  const reserved = machine.addresses
    .of(network)
    .filter((one) => one.containerId === id && one.ifname === name);
  const isReserved = (address: string) => reserved.some((one) => one.address === address);
  const hasAddress = addresses.length > 0 && addresses.every(isReserved);
  return !hasAddress || (isMapped === true && !machine.network.rules.has(`${network} ${id} ${name}`));
}

/** How many links somebody has removed by hand that are attached as far as Plexus knows: nobody sees that. */
function removedByHand({ machine }: Known, { id, netns }: Container): number {
  const caches = machine.disk.files(`${CNI_DIR}/results`);
  const removed = [...(machine.handmade.get(netns) ?? [])];
  return removed.filter((ifname) => caches.some((path) => path.endsWith(`-${id}-${ifname}`))).length;
}

/** What is asked for more exactly is looked for first. */
function rank({ interface: ifname, mac }: Element): number {
  return (ifname === undefined ? 2 : 0) + (mac === undefined ? 1 : 0);
}

export function interfacesOf(known: Known, { id, ifname, netns }: Container) {
  return linksOf(known, { containerId: id, ifname, netns } as RuntimeCall, { id } as Container);
}
