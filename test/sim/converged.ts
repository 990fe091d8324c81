// What must hold with hot-plug: some time after the last fault each pod has what it asks for, and says so; and what it must
// not ask for changes nothing.
import { checkStatus, type Known, linksOf } from "./attached.ts";
import type { RuntimeCall } from "./network.ts";
import type { Container } from "./runtime.ts";
import { elementsOf } from "./setup.ts";

/** Is the container one that has to have what its pod asks for? */
export function mustConverge({ machine, pods, setup }: Known, container: Container): boolean {
  const pod = pods.own(container);
  const elements = elementsOf(pods.annotationOf(container) ?? "[");
  if (container.known !== "attached" || !machine.network.namespaces.has(container.netns)) return false;
  if (pod === undefined || pod.status !== undefined || elements === undefined) return false;
  if (machine.handmade.has(container.netns)) return false;
  const { server } = machine.internet;
  const isThere = (name: string) =>
    setup.networks.some((one) => one.name === name) && server.get("network-attachment-definitions", name);
  return elements.every(({ name }) => isThere(name));
}

export function checkConverged(known: Known, container: Container): void {
  const { machine, pods } = known;
  const annotation = pods.annotationOf(container) ?? "";
  const what = `${container.id}, which asks for ${annotation}`;
  const links = interfacesOf(known, container);
  const missing = [];
  const rest = links.filter(({ name }) => name !== container.ifname);
  if (rest.length === links.length) missing.push(container.ifname);
  // Those with names first: any other link will do for the rest.
  const elements = (elementsOf(annotation) ?? []).toSorted((one, other) => rank(one) - rank(other));
  for (const { name, mac, interface: ifname } of elements) {
    const at = rest.findIndex(
      (link) =>
        link.network === name &&
        (ifname ?? link.name) === link.name &&
        (mac === undefined || link.mac === mac),
    );
    if (at < 0) missing.push(`${ifname ?? ""} ${name} ${mac ?? ""}`);
    else rest.splice(at, 1);
  }
  const more = rest.map(({ name, network }) => `${name} ${network}`);
  if (missing.length + more.length > 0) {
    machine.violated("not-converged", `${what}: it has not [${missing}], and has [${more}] besides`);
    return;
  }
  checkStatus(known, container, links, what);
}

/** What is asked for more exactly is looked for first. */
function rank({ interface: ifname, mac }: { interface?: string; mac?: string }): number {
  return (ifname === undefined ? 2 : 0) + (mac === undefined ? 1 : 0);
}

export function interfacesOf(known: Known, { id, ifname, netns }: Container) {
  return linksOf(known, { containerId: id, ifname, netns } as RuntimeCall, { id } as Container);
}
