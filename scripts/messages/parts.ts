// The pages of docs/messages/: which sources each has, and what a reader should know before.

export interface Part {
  page: string;
  title: string;
  files: RegExp;
  intro: string;
}

export const PARTS: readonly Part[] = [
  {
    page: "confs",
    title: "Messages about confs, annotations and results",
    files: /^assembly\//,
    intro: `The core says them of a document that somebody wrote: Plexus's conf, a network's conf or NetworkAttachmentDefinition, a pod's
annotation, or what a plugin printed. Nothing has been attached when a conf or an annotation is refused. [\`plexus lint\`](../cli.md#plexus-lint)
says the same with line and column.`,
  },
  {
    page: "calls",
    title: "Messages about calls, plugins and state",
    files:
      /^packages\/core\/|^launcher\/(attach|hotplug|host|state|explain|resident|log|cni)\/|^launcher\/[a-z]+\.ts$/,
    intro: `They are of a call of the runtime: the error of an ADD, DEL, CHECK, GC or STATUS, as the pod's events and the runtime's log show it.
[\`plexus explain NAMESPACE/POD\`](../troubleshooting.md) shows what has happened to a pod.`,
  },
  {
    page: "cluster",
    title: "Messages about the API server and the kubeconfig",
    files: /^launcher\/cluster\//,
    intro: `Plexus could not ask the API server, or did not get what it needs. [\`plexus doctor\`](../troubleshooting.md#plexus-doctor) tries each
right, and the server's certificate and clock. An ADD waits for a server that is down, up to half a minute, and is tried again by the runtime.`,
  },
  {
    page: "devices",
    title: "Messages about devices",
    files: /^launcher\/device\//,
    intro: `They are of networks with \`k8s.v1.cni.cncf.io/resourceName\`: which of its devices a pod's network gets.`,
  },
  {
    page: "sriov",
    title: "Messages about SR-IOV",
    files: /^launcher\/sriov\//,
    intro: `They are of the built-in plugin [\`sriov\`](../sriov.md). \`plexus sriov list\` shows devices, drivers, IOMMU groups and who has them.`,
  },
  {
    page: "shim",
    title: "Messages of the shim",
    files: /^launcher\/shim\//,
    intro: `\`plexus-shim\` says them: those with a code are the error of a call, the others are on its stderr, which containerd and CRI-O
write to their logs. A call that no resident process can serve is not lost: the shim becomes \`plexus\` ([security](../security.md) says what
it allows).`,
  },
  {
    page: "doctor",
    title: "Messages of plexus doctor",
    files: /^launcher\/cli\/doctor\//,
    intro: `[\`plexus doctor\`](../troubleshooting.md#plexus-doctor) says them on stdout, behind \`warn\` or \`FAIL\` and what it has looked at;
what mends it is in the line below.`,
  },
  {
    page: "commands",
    title: "Messages of commands",
    files: /^launcher\/cli\/(?!doctor\/|explain\/hints)/,
    intro:
      "A command says them on stderr, and exits with 1, or with 2 if it was called wrongly ([commands](../cli.md)).",
  },
  {
    page: "webhook",
    title: "Messages of the webhook",
    files: /^launcher\/webhook\//,
    intro: `\`kubectl apply\` prints them as warnings and refusals, and [\`plexus webhook\`](../webhook.md) has the others in its log, or answers
requests with them.`,
  },
  {
    page: "others",
    title: "Messages of plugins, runtimes and the system",
    files: /^launcher\/cli\/explain\/hints\.ts/,
    intro: `Others say them, often behind words of Plexus's: those that are seen most. [\`plexus explain NAMESPACE/POD\`](../troubleshooting.md)
says the same beside a failure of the pod.`,
  },
];
