// `kubectl plexus pods` and `plexus map`, as an operator calls them: what they do is a bundle of its own (pods/command.ts).
import { lazy } from "../lazy.ts";
import { command, NAMESPACE, type Options } from "./command.ts";

const WHICH = {
  namespace: { ...NAMESPACE, short: "n", help: "of which namespace. Else that of kubectl's context" },
  "all-namespaces": { short: "A", help: "of all namespaces" },
  node: {
    value: "NAME",
    is: (value: string) => /^[a-z0-9][a-z0-9.-]*$/.test(value),
    must: "the name of a node is needed",
    help: "only pods on this node. Of all namespaces, if none is given",
  },
  selector: { short: "l", value: "LABELS", help: "only pods with these labels, as kubectl takes them" },
  network: {
    value: "NAME",
    help: "only interfaces on this network: NAME, or NAMESPACE/NAME, as in network-status",
  },
  kubeconfig: { value: "PATH", help: "instead of the files in KUBECONFIG, or ~/.kube/config" },
  context: { value: "NAME", help: "instead of the kubeconfig's current context" },
} as const satisfies Options;

export const PODS = {
  output: {
    short: "o",
    value: "FORMAT",
    choices: ["table", "wide", "json", "dot"],
    fallback: "table",
    help: "for people, for programs, for Graphviz",
  },
  ...WHICH,
} as const satisfies Options;

export const MAP = {
  output: {
    short: "o",
    value: "FORMAT",
    choices: ["svg", "html"],
    fallback: "svg",
    help: "a picture, or a page with it and a table",
  },
  ...WHICH,
} as const satisfies Options;

const SOURCE =
  "It shows what is in the annotations network-status of pods that have not ended, and which networks others wait for.";

export const pods = command({
  name: "pods",
  summary: "lists who has which network, interface, address, MAC and device, and what has failed",
  description: `${SOURCE} Failures are of the pods' events; whoever may not read these gets the rest. It is what \`kubectl plexus\` does by itself.`,
  options: PODS,
  failure: "pods cannot be listed",
  examples: [
    "kubectl plexus",
    "kubectl plexus --all-namespaces --network default/storage -o wide",
    "kubectl plexus --node worker-1 -o json",
  ],
  run: (given) => lazy("pods").pods(given),
});

export const map = command({
  name: "map",
  summary: "draws the networks of a namespace's or a node's pods",
  description: `${SOURCE} The picture is SVG, dark or light as its reader has it, and can be printed. It has 400 pods at most.`,
  options: MAP,
  failure: "pods cannot be listed",
  examples: [
    "kubectl plexus map > networks.svg",
    "kubectl plexus map --node worker-1 -o html > worker-1.html",
  ],
  run: (given) => lazy("pods").map(given),
});
