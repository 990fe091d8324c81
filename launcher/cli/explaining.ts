// `plexus explain`, as an operator calls it: what it does is a bundle of its own (explain/command.ts).
import { lazy } from "../lazy.ts";
import { CONF_DIR, PLUGIN_DIR } from "../paths.ts";
import { command, NAMESPACE } from "./command.ts";

export const EXPLAIN = {
  conf: {
    value: "FILE",
    help: "Plexus's conf. Else one of the files or, for a pod of the cluster, the node's first one",
  },
  pod: { value: "NAME", help: "which pod, if the files have several: its name, or NAMESPACE/NAME" },
  namespace: {
    ...NAMESPACE,
    fallback: "default",
    help: "the namespace of pods and NetworkAttachmentDefinitions that have none",
  },
  node: { help: "beside the files there are this machine's confs, plugins and interfaces" },
  "conf-dir": { value: "DIR", fallback: CONF_DIR, help: "the runtime's directory of confs" },
  "bin-dir": { value: "DIR", fallback: PLUGIN_DIR, help: "the runtime's directory of plugins" },
  "cni-dir": { value: "DIR", help: "the files of attachments, if not in the `cniDir` of the conf" },
  kubeconfig: { value: "PATH", help: "by which the API server is asked, if not by the conf's" },
  context: {
    value: "NAME",
    help: "a context of kubectl's kubeconfig, or of that of --kubeconfig: instead of the conf's",
  },
  stdin: { help: "also print what each plugin is given: its stdin and CNI_ARGS" },
  json: { help: "for programs: all that is known, as an object" },
  dot: { help: "for Graphviz: the pod and its networks" },
  svg: { help: "a picture of the pod and its networks" },
} as const;

export const explain = command({
  name: "explain",
  summary: "says what an ADD does for a pod, without doing it, and what has happened to the pod",
  description:
    "The pod, its networks and confs are in files, in YAML or JSON; or it is a pod of the cluster, NAMESPACE/POD. It prints the " +
    "networks in their order, interfaces, addresses, what network-status will be, and what is wrong. Of a pod of the cluster it " +
    "also prints what has happened, from its events, the logs and this node's state: failures, when, and what to do. " +
    "If the kubeconfig has no right to read events, they are read by an administrator's, where there is one that may: of KUBECONFIG, " +
    "~/.kube/config, /etc/kubernetes/admin.conf, /etc/rancher/k3s/k3s.yaml.",
  arguments: [
    {
      name: "FILE",
      isFile: true,
      isVariadic: true,
      help: "a file with any number of documents, - is stdin; or NAMESPACE/POD",
    },
  ],
  options: EXPLAIN,
  failure: "the ADD fails, a document has an error, or nothing can be told",
  examples: [
    "plexus explain pod.yaml networks.yaml",
    "plexus explain --conf /etc/cni/net.d/00-plexus.conflist --node --stdin pod.yaml networks.yaml",
    "plexus explain default/web",
  ],
  run: (given) => lazy("explain").explain(given),
});
