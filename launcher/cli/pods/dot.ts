// Pods and their networks as a graph, for Graphviz.
import { quoted } from "../../explain/dot.ts";
import { deviceText } from "./print.ts";
import type { PodNetworks } from "./status.ts";

/** Writes pods in the language DOT: a node each, one for each network, and an edge for each interface. */
export function dotOfPods(pods: readonly PodNetworks[]): string {
  const networks = new Map<string, string>();
  const node = (network: string) => {
    const known = networks.get(network) ?? `network${networks.size}`;
    networks.set(network, known);
    return known;
  };
  const edges = pods.flatMap(({ namespace, name, node: on, interfaces, asked }, index) => [
    `  pod${index} [label=${quoted([`${namespace}/${name}`, ...(on === "" ? [] : [on])].join("\n"))}]`,
    ...interfaces.map(({ ifname, network, ips, mac, device }) => {
      const label = [ifname, ...ips, mac, deviceText(device)].filter((one) => one !== "");
      return `  pod${index} -- ${node(network)} [label=${quoted(label.join("\n"))}]`;
    }),
    ...asked.map(
      (network) => `  pod${index} -- ${node(network)} [label="not attached", style=dashed, color=red]`,
    ),
  ]);
  const rails = [...networks].map(([name, id]) => `  ${id} [label=${quoted(name)}, shape=ellipse]`);
  return [
    "graph plexus {",
    "  rankdir=LR",
    "  node [shape=box, style=rounded]",
    ...edges,
    ...rails,
    "}",
  ].join("\n");
}
