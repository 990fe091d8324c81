// All networks of a container, in the order of their interfaces: the conf's, then those its pod selects.
// Source: NPWG NAD spec v1.3, section 4; multus-cni docs/configuration.md and docs/how-to-use.md.

import type { Network, Selection } from "../../packages/core/index.ts";
import type { NetworkAttachmentDefinition, Pod } from "../cluster/cluster.ts";
import { type ResourceNetwork, withDevices } from "../device/allocation.ts";
import { kubeletAt } from "../device/kubelet.ts";
import { Code, Fault } from "../fault.ts";
import { type Call, podOf } from "./call.ts";
import { auxiliaryNetwork, clusterNetwork, furtherNetworks, nadNetwork } from "./conf.ts";

const NETWORKS = "k8s.v1.cni.cncf.io/networks";
const DEFAULT_NETWORK = "v1.multus-cni.io/default-network";

/** The networks of a container that is not a pod's, or whose pod is unknown: those of the conf. */
export async function confNetworks(call: Call): Promise<Network[]> {
  const { namespace } = podOf(call.runtime.args);
  const first = await clusterNetwork(call);
  return withAuxiliary(call, [first, ...(await furtherNetworks(call, namespace))]);
}

/** The networks of a pod. Nothing is asked of the API server twice, and nothing waits that need not. */
export async function podNetworks(call: Call, pod: Pod): Promise<ResourceNetwork[]> {
  const chosen = defaultSelection(call, pod);
  const selections = selected(call, pod);
  const nads = new Nads(call, pod);
  const [first, further, others] = await Promise.all([
    chosen ? nads.network(chosen) : clusterNetwork(call),
    furtherNetworks(call, pod.namespace),
    Promise.all(selections.map((selection) => nads.network(selection))),
  ]);
  const kubelet = kubeletAt(call.settings.kubeletRoot);
  return withAuxiliary(call, await withDevices([first, ...further, ...others], pod, call, kubelet));
}

async function withAuxiliary(call: Call, networks: ResourceNetwork[]): Promise<ResourceNetwork[]> {
  const auxiliary = await auxiliaryNetwork(call);
  return auxiliary ? [...networks, auxiliary] : networks;
}

/** The network that the pod asks for instead of the cluster's default one, if it does. */
function defaultSelection({ core, settings }: Call, pod: Pod): Selection | undefined {
  const annotation = pod.annotations[DEFAULT_NETWORK];
  if (annotation === undefined) return undefined;
  const [selection, ...rest] = during(DEFAULT_NETWORK, () =>
    core.selection({ annotation, namespace: settings.multusNamespace }),
  );
  if (selection && rest.length === 0) {
    // Networks of the administrator's namespace are there to be chosen.
    if (selection.namespace !== settings.multusNamespace)
      requireAllowed(settings, pod, selection, DEFAULT_NETWORK);
    return selection;
  }
  throw new Fault(
    Code.invalidNetworkConfig,
    `annotation ${DEFAULT_NETWORK}: it must name one network; further ones belong in ${NETWORKS}`,
  );
}

function selected({ core, settings }: Call, pod: Pod): Selection[] {
  const annotation = pod.annotations[NETWORKS] ?? "";
  if (annotation === "") return [];
  const { maxNetworks } = settings;
  const selections = during(NETWORKS, () =>
    core.selection({ annotation, namespace: pod.namespace, maxNetworks }),
  );
  for (const selection of selections) requireAllowed(settings, pod, selection, NETWORKS);
  return selections;
}

/** Throws if a pod may not use another namespace's networks (`namespaceIsolation`). */
function requireAllowed(
  settings: Call["settings"],
  pod: Pod,
  { name, namespace }: Selection,
  annotation: string,
): void {
  const { namespaceIsolation, globalNamespaces } = settings;
  if (!namespaceIsolation || namespace === pod.namespace || globalNamespaces.includes(namespace)) return;
  throw new Fault(
    Code.invalidNetworkConfig,
    `annotation ${annotation}: network ${namespace}/${name} is not for pods of namespace ${pod.namespace} ` +
      `(\`namespaceIsolation\`); those of ${[...new Set([pod.namespace, ...globalNamespaces])].join(", ")} are`,
  );
}

/** Fetches each NetworkAttachmentDefinition once, however often a pod selects it. */
class Nads {
  private readonly asked = new Map<string, Promise<NetworkAttachmentDefinition | undefined>>();

  constructor(
    private readonly call: Call,
    private readonly pod: Pod,
  ) {}

  async network(selection: Selection): Promise<ResourceNetwork> {
    const title = `${selection.namespace}/${selection.name}`;
    const nad = await this.get(title, selection);
    if (nad) return { ...(await nadNetwork(this.call, nad)), selection };
    throw new Fault(
      Code.invalidNetworkConfig,
      `there is no NetworkAttachmentDefinition ${title}, which pod ${this.pod.namespace}/${this.pod.name} selects; ` +
        "create it, or correct the pod's annotation",
      "NoNetworkFound",
    );
  }

  private get(title: string, { namespace, name }: Selection) {
    let answer = this.asked.get(title);
    if (!answer) {
      answer = this.call.cluster?.nad(namespace, name) ?? Promise.resolve(undefined);
      this.asked.set(title, answer);
    }
    return answer;
  }
}

function during<T>(annotation: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw Fault.of(error).during(`annotation ${annotation}`);
  }
}
