// A picture of a pod as a graph, for Graphviz: the pod, and an edge to each network.
// Source: graphviz.org/doc/info/lang.html.
import { drawable } from "../log/visible.ts";
import type { Picture } from "./picture.ts";

/** Writes a picture in the language DOT. */
export function dotOf({ kind, name, rows, failure }: Picture): string {
  const pod = quoted(`${kind} ${name}`);
  const edges = rows.flatMap(({ ifname, lines, network, plugins, underlay, warning }, index) => {
    const by = plugins.length > 0 ? [plugins.join(", ")] : [];
    const label = [network, ...by, ...underlay];
    return [
      `  network${index} [label=${quoted(label.join("\n"))}]`,
      `  pod -> network${index} [label=${quoted([ifname, ...lines, ...(warning ? [warning] : [])].join("\n"))}]`,
    ];
  });
  const fails = failure === undefined ? "" : `, color=red, tooltip=${quoted(failure)}`;
  return [
    "digraph plexus {",
    "  rankdir=LR",
    "  node [shape=box, style=rounded]",
    `  pod [label=${pod}${fails}]`,
    ...edges,
    "}",
    "",
  ].join("\n");
}

/** Writes a string: its lines stay lines, and nothing else is an escape. */
export function quoted(text: string): string {
  const lines = text
    .split("\n")
    .map((line) => drawable(line).replaceAll("\\", "\\\\").replaceAll('"', '\\"'));
  return `"${lines.join("\\n")}"`;
}
