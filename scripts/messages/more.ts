// What a message leaves open: words that one or more messages have -> what to know, or to do. Markdown, seen from docs/messages/.

const CONTAINER_GONE = "The runtime makes the sandbox anew; nothing is to be done.";
const REPORT = "A defect of Plexus: report it, with the call's log.";
const IS_PART = "It is the end of another message, which says of what.";

/** By words of a message; or by an expression, of its file and its words: `launcher/x.ts: words`. */
export const MORE: readonly (readonly [of: string | RegExp, more: string])[] = [
  // assembly/
  [
    /^assembly\/json\/parse\.ts: /,
    `${IS_PART} \`plexus lint\` shows the place in the text, and what to write.`,
  ],
  // The shim's.
  [
    /^launcher\/shim\/(plugins|network)\.c: /,
    `${IS_PART} The shim has refused what a resident process, or the daemon, has asked of it: \`plexus-shim.conf\` says what it allows ([security](../security.md#the-shim-and-the-resident-process)).`,
  ],
  [
    /^launcher\/shim\/requests\.c: (refused|cannot execute|too many|iproute2|there is no such|it has too many|plexus-shim\.conf|the call has written)/,
    "The shim has refused, or could not do, what a resident process has asked of it: [security](../security.md#the-shim-and-the-resident-process) says what it allows, and by which line of `plexus-shim.conf`.",
  ],
  [
    /^launcher\/shim\/.*(speaks protocol|malformed re|do not fit|is out of range|is for an executor)|remote\.ts: the shim speaks/,
    "The shim and the process behind it are of different builds: install both of one version. `plexus doctor` names them.",
  ],
  [
    /^launcher\/shim\/connect\.c: socket/,
    "The call goes on as `plexus`. `plexus doctor` says whose the socket is; let nobody but root write to its directory.",
  ],
  [
    /^launcher\/shim\/.*(the (resident process|daemon) (is gone|says nothing|takes no|does not|is not started)|does not read what it is told)/,
    "The call is not lost: the shim becomes `plexus`, or asks the next process. See why the process has ended, hangs or is slow: `journalctl -t plexus`, or the daemon's log. [Fallbacks](../protocol.md#when-the-shim-becomes-plexus)",
  ],
  [
    /^launcher\/shim\/rights\.c: (there|the|it) /,
    `${IS_PART} A line of \`plexus-shim.conf\` is not used: correct it, or remove it. [All keys](../security.md#the-shim-and-the-resident-process)`,
  ],
  [
    "the answer cannot be written to stdout",
    "The call counts as failed, although its work may be done: [exit codes](../exit-codes.md#of-a-call-of-the-runtime). A runtime calls DEL then.",
  ],
  [
    /^launcher\/shim\/messages\.c: .*nothing more/,
    "A call may say 1 MiB at most on stderr: what it has said before tells what goes wrong.",
  ],
  [
    /^launcher\/shim\/.*: (unlink|fstat|fdopen|setenv|cannot pass stdin|signalfd|mkdir|ftruncate|flock|cannot begin a job|out of memory|write stdout|cannot remove)/,
    "The system has refused it: its own words are behind. Mostly there is no memory, no room, or a security module is in the way (`dmesg`).",
  ],
  // Of calls.
  [
    "undoing what an ADD that did not end has left",
    `It stands in front of the error of a plugin's DEL, which is to be mended; the runtime tries again.`,
  ],
  [
    "ENOENT: no such file or directory",
    "The file, or a directory above it, was removed while the call went on, or a path of the conf is wrong: see that it is there; the runtime tries again.",
  ],
  ["it is undone", "Nothing is to be done: the pod is attached anew."],
  [
    "it is left to GC, as an orphan",
    "GC tries it again; until then its addresses and devices are taken. `plexus attachments` lists orphans, `plexus forget` ends them.",
  ],
  [
    "is given up, as there are too many",
    "More orphans are kept by nobody. Its addresses or devices may stay taken: `plexus doctor` finds reservations that nobody has.",
  ],
  [
    /orphans\.ts: .* stays: /,
    "The next GC tries it again. Mend what the plugin names; `plexus forget` ends an orphan that nobody can detach.",
  ],
  [
    "its user is not told by an event",
    "The role lacks `create` of events, or the API server was away: the log has what the event would have said. [Events](../events.md)",
  ],
  [
    "network-status stays",
    "The pod's annotation is not what its networks are. It is written at the next change; see the API server, and the right to patch `pods/status`.",
  ],
  [
    /hotplug\/loop\.ts: /,
    "It is tried again by itself. [Hot-plug](../how-to/hot-plug.md) says what it needs.",
  ],
  [/resident\/executor\.ts: /, "It is tried again by itself."],
  [
    /resident\/delegating\.ts: it is not/,
    `${IS_PART} The client's request is malformed: [Multus's endpoint](../multus-endpoint.md#requests) says how one looks.`,
  ],
  [
    /resident\/multus\.ts: .*(is not answered|there is \/delegate|the body)/,
    "The client's request is malformed: [Multus's endpoint](../multus-endpoint.md#requests) says how one looks.",
  ],
  [
    /resident\/(resident|telling)\.ts: (another process|there was no call|all calls|it has got|it cannot serve|this process ends)/,
    "A resident process ends by itself, and the next call starts one; of a daemon, see what its pod's log says before.",
  ],
  [
    /resident\/outbox\.ts: .*(not told by events|do not say what)/,
    "A right is missing: apply `deploy/` of this version. [Events](../events.md), [ResourceClaims](../claim-status.md)",
  ],
  [
    "shims at once: each further one becomes plexus",
    "The node starts more pods at once than `--connections` allows: nothing is lost, it is only slower. Raise it if the node has the memory.",
  ],
  [
    "would be kept of them",
    "A DEL, and GC, have to read what is kept of a pod's networks on disk, so that is bounded: [limits](../limits.md). `plexus explain` says the same before the pod runs.",
  ],
  [
    "are kept; have its plugin print less",
    "A DEL, and GC, have to read what is kept of a pod's networks on disk, so that is bounded: [limits](../limits.md).",
  ],
  [
    "plugins are not told what to keep",
    "A living container's file is torn, or too large to be read. All else of the GC is done; what plugins clean up by themselves waits until that container is gone.",
  ],
  [
    "lines of this log were dropped",
    "What reads the log was too slow. `plexus_log_dropped_total` counts them ([metrics](../metrics.md)).",
  ],
  [
    /host\/remote\.ts: .*(through the shim|the shim refused|needs the socket|is to be rotated|is too large for it)/,
    "Nothing is to be done: the call goes on as `plexus` on the node. If it happens often, `plexus-shim.conf` lacks a line ([security](../security.md#the-shim-and-the-resident-process)).",
  ],
  [/host\/iproute\.ts: `|sysctl -w/, "`ip`, `sysctl` or `rdma` says why: its own words are behind."],
  // Of the cluster.
  [
    /cluster\/socks\.lazy\.ts: /,
    `${IS_PART} The SOCKS5 proxy, of the kubeconfig's \`proxy-url\` or of HTTPS_PROXY, does not reach the API server: see the proxy's log and rules.`,
  ],
  [
    "does not let the request through",
    "See the proxy's log and rules; an address that needs no proxy belongs into NO_PROXY.",
  ],
  [
    /cluster\/watch\.ts: |has ended the watch/,
    "It is tried again by itself: until then each pod and network is asked for when it is needed.",
  ],
  [/cluster\/json\.ts: /, "Correct that member of the kubeconfig."],
  // Of devices.
  [
    /device\/checkpoint\.ts: /,
    "The kubelet's checkpoint is not as the kubelets that are known write it: see that kubelet and Plexus are of versions that [go together](../support.md).",
  ],
  [
    "is not for a network:",
    "The pod's claim has a device that no network can use. If one should, its DRA driver must publish both attributes.",
  ],
  // Of the webhook.
  [
    /webhook\/server\.ts: /,
    "The API server goes on without the webhook, as its configuration says. See who sends it, or what is slow: [the webhook](../webhook.md#what-it-serves).",
  ],
  ["Plexus has not looked at it", "The object is admitted as it is. `plexus lint` looks at any size."],
  ["there is no certificate yet", "The replicas make one at their start: see the log of the webhook's pods."],
  [
    "has not been added",
    "The pod was created as it is, without what its networks would have asked of its node: it may be put on a node that has not the device. Create it again.",
  ],
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
    /^launcher\/shim\/rights\.c: .* is ignored: /,
    "`plexus-shim.conf` says what the shim allows ([all keys](../security.md#the-shim-and-the-resident-process)). `plexus-shim --conf` shows what it takes.",
  ],
  ["has ended before it served", "`journalctl -t plexus` has its log."],
];
