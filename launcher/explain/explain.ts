// What an ADD will do, without doing it.
//
// How it works: it is the real ADD (attach/add.ts), on a node that there is not. Its files are those that are given, its API
// server has the pod and NetworkAttachmentDefinitions that are given, and its plugins answer with what their confs let expect
// (result.ts). So what a delegate is given here is what it is given on a node, but for what nobody can know (unknowns.ts).
// There are no Node APIs: the playground is the same code.

import type { Core, Delegate, Runtime, Settings } from "../../packages/core/index.ts";
import { add } from "../attach/add.ts";
import type { Call } from "../attach/call.ts";
import type { Cluster, PodEvent } from "../cluster/cluster.ts";
import { Code, Fault } from "../fault.ts";
import { State } from "../state/state.ts";
import type { Given, GivenPod } from "./given.ts";
import { type Executed, imaginedHost, type NodeFiles } from "./node.ts";
import { expectedResult } from "./result.ts";
import { STAND_IN_PLUGIN, standInFor } from "./standin.ts";
import { Unknowns } from "./unknowns.ts";

/** One plugin's input, for its ADD. */
interface ExplainedPlugin {
  type: string;
  /** JSON. */
  stdin: string;
  /** CNI_ARGS */
  args: string;
}

export interface ExplainedAttachment {
  /** As network-status names it: `namespace/name` of a NetworkAttachmentDefinition, else the conf's `name`. */
  network: string;
  ifname: string;
  isDefault: boolean;
  /** The conf is not given: all that is known of it is that there is one. */
  isStandIn: boolean;
  plugins: ExplainedPlugin[];
  /** The resource that its device is of. */
  resourceName: string | undefined;
  device: string | undefined;
  mac: string;
  /** With their prefix lengths, where those are known. */
  addresses: string[];
  /** Where the container's default routes go through this network because the pod asks for it (`default-route`). */
  gateways: string[];
  /** What the pod asks for and no plugin claims. */
  unclaimed: string[];
}

/** Texts have `<words>` where nobody can know yet what there will be. */
export interface Explanation {
  attachments: ExplainedAttachment[];
  /** The annotation's value, JSON; absent without a pod, or if the ADD fails. */
  networkStatus?: string;
  /** What the log says of errors, although the ADD goes on. */
  warnings: string[];
  /** Why the ADD fails: with it, nothing stays attached. */
  error?: { code: number; message: string };
  /** What the pod's user is told. */
  events: PodEvent[];
}

const CNI_ARGS = ["IgnoreUnknown=1"];

/** Never rejects: why an ADD fails is what is to be explained. */
export async function explain(core: Core, given: Given): Promise<Explanation> {
  const unknowns = new Unknowns();
  const seen = new Seen(core);
  const warnings: string[] = [];
  const events: PodEvent[] = [];
  let error: Explanation["error"];
  let networkStatus: string | undefined;
  try {
    const { settings, files, isStandIn } = await standInFor(core, given);
    seen.isStandIn = isStandIn;
    const pod = given.pod && { ...given.pod, uid: given.pod.uid || unknowns.name("UID") };
    const runtime = runtimeOf({ ...given, pod }, unknowns, settings);
    const host = imaginedHost({
      files: withDevices(files, pod, settings, unknowns),
      hasPlugin: (name) => (isStandIn && name === STAND_IN_PLUGIN) || (given.plugins?.includes(name) ?? true),
      answer: (executed) => {
        seen.executed.push(executed);
        return given.answer?.(executed) ?? inVersion(core, executed, expectedResult(executed, unknowns));
      },
    });
    const cluster = pod && clusterOf(pod, given.nad, (text) => (networkStatus = text));
    await add({
      ...alone(events),
      core: seen.core,
      host,
      cluster,
      state: new State(host, settings.cniDir),
      log: { write: (level, message) => level !== "error" || warnings.push(message) > 0 },
      settings: { ...settings, attach: "sequential" }, // in the order in which they are shown
      runtime,
      env: { CNI_COMMAND: "ADD", CNI_IFNAME: runtime.ifname },
      pluginDirs: [settings.binDir],
      linter: undefined,
    });
  } catch (thrown) {
    const { code, message } = Fault.of(thrown);
    error = { code, message: unknowns.reveal(message) };
  }
  const revealed = (text: string) => unknowns.reveal(text);
  return {
    attachments: seen.attachments(unknowns),
    ...(networkStatus === undefined || error ? {} : { networkStatus: unknowns.revealJson(networkStatus) }),
    warnings: [...new Set(warnings.map((one) => revealed(one).replace(/^ADD (pod|container) \S+: /, "")))],
    ...(error ? { error } : {}),
    events: events.map((event) => ({ ...event, message: revealed(event.message) })),
  };
}

/** Watches a core: what it plans, what becomes of it. */
class Seen {
  readonly core: Core;
  readonly executed: Executed[] = [];
  isStandIn = false;
  private delegates: Delegate[] = [];
  private results = new Map<string, string>();

  constructor(core: Core) {
    this.core = Object.assign(Object.create(core) as Core, {
      plan: (input: Parameters<Core["plan"]>[0]) => {
        const plan = core.plan(input);
        this.delegates = plan.delegates;
        return plan;
      },
      status: (input: Parameters<Core["status"]>[0]) => {
        const status = core.status(input);
        input.attachments.forEach(({ delegate, result }, index) => {
          const changed = status.routes.find(({ attachment }) => attachment === index);
          this.results.set(delegate.ifname, changed?.result ?? result);
        });
        return status;
      },
    });
  }

  attachments(unknowns: Unknowns): ExplainedAttachment[] {
    return this.delegates.flatMap((delegate) => {
      const { ifname, resourceName, deviceID, gateways = [], unclaimed = [] } = delegate;
      const executed = this.executed.filter(({ env }) => env.CNI_IFNAME === ifname);
      if (executed.length === 0) return []; // the ADD has failed before
      const plugins = executed.map(({ plugin, stdin, env }) => ({
        type: plugin,
        stdin: unknowns.revealJson(stdin),
        args: unknowns.reveal(env.CNI_ARGS ?? ""),
      }));
      return {
        network: delegate.name,
        ifname,
        isDefault: delegate.default,
        isStandIn: this.isStandIn && delegate.plugins[0] === STAND_IN_PLUGIN,
        plugins,
        resourceName,
        device: deviceID === undefined ? undefined : unknowns.reveal(deviceID),
        ...inContainer(this.results.get(ifname), ifname, unknowns),
        gateways,
        unclaimed,
      };
    });
  }
}

/** What a result says of the container's interface. */
function inContainer(result: string | undefined, ifname: string, unknowns: Unknowns) {
  const { interfaces = [], ips = [] } = JSON.parse(result ?? "{}") as {
    interfaces?: { name?: string; mac?: string; sandbox?: string }[];
    ips?: { address: string }[];
  };
  const own = interfaces.find(({ name, sandbox }) => name === ifname && sandbox);
  return {
    mac: unknowns.reveal(own?.mac ?? "<MAC>"),
    addresses: ips.map(({ address }) => unknowns.reveal(address)),
  };
}

/** A result in the version that a plugin is asked for. Throws if there can be none: the plugin would refuse its conf. */
function inVersion(core: Core, { stdin }: Executed, result: string): string {
  const { cniVersion } = JSON.parse(stdin) as { cniVersion?: string };
  try {
    return core.convert({ result, cniVersion: cniVersion ?? "0.1.0" });
  } catch (error) {
    const why = Fault.of(error).message.replace("the result: ", "");
    throw new Fault(Code.invalidNetworkConfig, `it will refuse its conf: ${why}`);
  }
}

function runtimeOf({ pod, runtime }: Given, unknowns: Unknowns, { name }: Settings): Runtime {
  const containerId = runtime?.containerId ?? unknowns.name("container ID");
  const ofPod = pod && [
    `K8S_POD_NAMESPACE=${pod.namespace}`,
    `K8S_POD_NAME=${pod.name}`,
    `K8S_POD_INFRA_CONTAINER_ID=${containerId}`,
    `K8S_POD_UID=${pod.uid}`,
  ];
  return {
    containerId,
    netns: runtime?.netns ?? `/var/run/netns/${unknowns.name("netns")}`,
    ifname: runtime?.ifname ?? "eth0",
    args: runtime?.args ?? [...CNI_ARGS, ...(ofPod ?? [])].join(";"),
    network: name,
  };
}

/** The files of a node, and the kubelet's, which says which devices the pod has. */
function withDevices(
  files: NodeFiles,
  pod: GivenPod | undefined,
  settings: Settings,
  unknowns: Unknowns,
): NodeFiles {
  const entries = [...(pod?.devices ?? [])].map(([ResourceName, count]) => ({
    PodUID: pod?.uid ?? "",
    ResourceName,
    DeviceIDs: { "-1": Array.from({ length: count }, () => unknowns.name(`device of ${ResourceName}`)) },
  }));
  const path = `${settings.kubeletRoot}/device-plugins/kubelet_internal_checkpoint`;
  const checkpoint = JSON.stringify({ Data: { PodDeviceEntries: entries } });
  return { ...files, read: async (asked) => (asked === path ? checkpoint : files.read(asked)) };
}

function clusterOf(pod: GivenPod, nad: Cluster["nad"], status: (text: string) => void): Cluster {
  return {
    startConnecting: async () => undefined,
    pod: async () => pod,
    nad,
    claim: async () => [],
    published: async () => [],
    async annotate(_pod, annotations) {
      for (const text of Object.values(annotations)) status(text);
      return true;
    },
    describeDevice: async () => true,
    recordEvent: async () => undefined,
  };
}

/** A call beside which there is no other, and which waits for nothing. */
function alone(
  events: PodEvent[],
): Pick<Call, "aside" | "together" | "recently" | "clock" | "builtIns" | "outbox" | "witness"> {
  return {
    aside: (wait) => wait(),
    together: (_question, look) => look(),
    recently: (_question, ask) => ask(),
    clock: { now: () => 0, sleep: async () => undefined },
    builtIns: [],
    outbox: { put: (_cluster, _pod, event) => void events.push(event) },
    witness: undefined,
  };
}
