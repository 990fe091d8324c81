// What a message leaves open: words that one or more messages have -> what to know, or to do. Markdown, seen from docs/messages/.

const CONTAINER_GONE = "The runtime makes the sandbox anew; nothing is to be done.";
const REPORT = "A defect of Plexus: report it, with the call's log.";
const IS_PART = "It is the end of another message, which says of what.";

export const MORE: readonly (readonly [words: string, more: string])[] = [
  [
    "it was not added",
    "CHECK is for containers that an ADD has attached: the pod was there before Plexus, or its state was removed by hand. Delete the pod.",
  ],
  [
    "its result is missing from",
    "Somebody has removed a file of the result cache; delete the pod. [Files](../files.md)",
  ],
  [
    "is neither a NetworkAttachmentDefinition in namespace",
    "`clusterNetwork` and `defaultNetworks` take a name, a path or a directory: [conf keys](../conf.md).",
  ],
  [
    "no answer within",
    "The API server was asked for all networks at once: see its log, and `plexus doctor`.",
  ],
  [
    "cannot attach the default network",
    "It is STATUS that fails: no pod starts on this node until the default network's plugin is ready. See its pod.",
  ],
  ["it was replaced by one with UID", CONTAINER_GONE],
  [
    "the runtime's call has ended before it was answered",
    "The runtime has given up, or ended its call: see its log and its time limit. The next ADD or DEL undoes what is left.",
  ],
  ["gave no result", REPORT],
  ["the default network has no delegate", REPORT],
  ["has a NUL in it", "A conf or an annotation has a character that no argument can have: remove it."],
  [
    "a frame of",
    "The shim and the process behind it are of different builds, or something else listens at the socket: `plexus doctor`.",
  ],
  [
    "longer than its frame",
    "The shim and the process behind it are of different builds, or something else listens at the socket: `plexus doctor`.",
  ],
  ["does not show link", "The interface has gone while it was configured: see what else configures it."],
  [
    "`ip -batch -`",
    "`ip` says it of a default route that the pod asks for: give gateways that the interface's own network reaches.",
  ],
  ["Plexus was built without", "The binary is not whole: install it anew."],
  ["stdin cannot be read", "The runtime has closed it: see the runtime's log."],
  [
    "the conf on stdin is larger than",
    "Make the conf smaller: it has its networks' confs in `delegates`, which can be files of their own.",
  ],
  [
    "what it prints is not an ExecCredential",
    `${IS_PART} Run the command of the kubeconfig's \`exec\` by hand.`,
  ],
  [
    "the connection was closed before the answer was complete",
    "The API server, or a proxy before it, was restarted. It is tried again.",
  ],
  ["TLS failed", "Compare the server in the kubeconfig with `openssl s_client -connect`."],
  [
    "is not plain text",
    "The token of the kubeconfig has a character that no header can have: write it anew.",
  ],
  [
    "what answers is not HTTP",
    "Another program listens at the server's address: correct the server in the kubeconfig.",
  ],
  ["the list has changed too often meanwhile", "It is tried again by itself."],
  [
    "but an object without kind",
    "What answers at the server's address is not an API server, or a proxy changes its answers.",
  ],
  ["what answers there is not a SOCKS5 proxy", `${IS_PART} Correct the proxy.`],
  [
    "there is no time left for it",
    "The API server did not answer within the half minute that an ADD waits: see that it runs, and its load.",
  ],
  [
    "an RBAC role that allows it",
    "Of 401, the server does not take the credentials: has the node's kubeconfig a token of this cluster, not expired? Of 403, a right is missing: apply `deploy/` of this version. [401](../troubleshooting.md#401-or-403-of-the-api-server)",
  ],
  ["is overloaded or not ready", "The runtime tries the ADD again; DEL does not need the API server."],
  [
    "the default network is not ready",
    "`readinessindicatorfile` names a file that the default network's plugin makes when it is ready. Nodes are NotReady until then.",
  ],
  [
    "there is no NetworkAttachmentDefinition",
    "`kubectl get net-attach-def -A` lists those that there are. A name without a namespace is one of the pod's own.",
  ],
  [
    "is not for pods of namespace",
    "[Namespace isolation](../conf.md) is on: networks of other namespaces are for pods if `globalNamespaces` lists them.",
  ],
  [
    "there is no plugin",
    "The directories are those of `binDir` and of the runtime's CNI_PATH. Many plugins come with the package `containernetworking-plugins`.",
  ],
  ["is in use: container", "`plexus attachments` says which pod that is."],
  ["cannot determine the devices of pod", "Only pods with networks that name a resource need the kubelet."],
  ["is not valid JSON", "Mostly a comma or a quote; `plexus lint` shows the place, and what to write."],
  ["is not supported; use one of", "The CNI versions from 0.1.0 to 1.1.0 are known."],
  ["printed no result", "The program named by `type` is not a CNI plugin, or has crashed."],
  ["took longer than", "See [`delegateTimeoutSeconds`](../conf.md)."],
  ["cannot be executed", "Mostly the wrong architecture, or a script whose interpreter is not on the node."],
  ["this node has not been migrated", "`plexus migrate --back` undoes `plexus migrate` only."],
  [
    "executing plexus",
    "The call goes on without the resident process. `plexus_shim_fallbacks_total` counts these by reason ([metrics](../metrics.md)).",
  ],
  [
    "is ignored: it must belong to root",
    "`plexus-shim.conf` would say what the shim allows. `plexus doctor` says whose it is, or who may write it; read it before you give it to root.",
  ],
  ["has ended before it served", "`journalctl -t plexus` has its log."],
];
