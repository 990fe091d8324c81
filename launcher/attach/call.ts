// One call of the runtime, and the ports it is carried out with. Every verb takes one of these.

import type { Core, Delegate, Runtime, Settings } from "../../packages/core/index.ts";
import type { Clock } from "../clock.ts";
import type { Cluster, NetworkData, Pod, PodEvent } from "../cluster/cluster.ts";
import type { BuiltIn } from "../cni/builtin.ts";
import type { Host } from "../host/host.ts";
import type { Log } from "../log/log.ts";
import type { State } from "../state/state.ts";

/** Sends events when the call has been answered: in a process that lives on. */
export interface Outbox {
  put(cluster: Cluster, pod: Pod, event: PodEvent): void;
  /** Says in the pod's ResourceClaims what their devices are in it. Absent unless that is wanted. */
  describe?(pod: Pod, devices: readonly DescribedDevice[]): void;
}

/** A device that has become a network's. */
export interface DescribedDevice {
  /** As its driver publishes it. */
  deviceId: string;
  resourceName: string;
  data: NetworkData;
}

/** What becomes of orphans. */
export type OrphanFate = "kept" | "detached" | "given up";

/** Is told of what calls do, by a process that counts and logs it. */
export interface Witness {
  /** An execution of a network's plugin has ended. */
  executed(execution: { verb: string; network: string; ifname: string; hasFailed: boolean }): void;
  /** Something became of an orphan; `left` is how many the node has by now. */
  orphans(fate: OrphanFate | undefined, left: number): void;
}

export interface Call {
  core: Core;
  host: Host;
  /** Absent on a node without Kubernetes. */
  cluster: Cluster | undefined;
  clock: Clock;
  state: State;
  log: Log;
  settings: Settings;
  runtime: Runtime;
  /** The environment that delegates inherit. */
  env: Record<string, string>;
  /** The directories with delegates: binDir, then the runtime's CNI_PATH. */
  pluginDirs: string[];
  /** The plugins that need no executable. */
  builtIns: readonly BuiltIn[];
  /** Waits for something outside this node's own work, and keeps no other call from its turn meanwhile. */
  aside<T>(wait: () => Promise<T>): Promise<T>;
  /** Looks for what other calls look for at the same time, again and again: once for all of them. */
  together<T>(question: string, look: () => Promise<T>): Promise<T>;
  /**
   * Asks what other calls ask too, and soon again; if it takes long, the last answer is given, as long as it is recent.
   *
   * @param question all that the answer depends on
   */
  recently<T>(question: string, ask: () => Promise<T>): Promise<T>;
  /** Absent in a process that ends with the call. */
  outbox: Outbox | undefined;
  /** Absent if nobody wants to know. */
  witness: Witness | undefined;
  /** Loads what explains failures: lint.wasm. Absent if nobody reads them. */
  linter: (() => Pick<Core, "causes">) | undefined;
}

/** One delegate that was added, with its last plugin's result and the device-info of its device, as JSON. */
export interface Attachment {
  delegate: Delegate;
  result: string;
  deviceInfo?: string;
}

/** The pod, as far as the runtime says it in CNI_ARGS; all empty if there is none. */
export function podOf(args: string): { namespace: string; name: string; uid: string } {
  const values = new Map(args.split(";").map(splitPair));
  return {
    namespace: values.get("K8S_POD_NAMESPACE") ?? "",
    name: values.get("K8S_POD_NAME") ?? "",
    uid: values.get("K8S_POD_UID") ?? "",
  };
}

/** Names the container in a message: by its pod, if that is known. */
export function subjectOf({ containerId, args }: Runtime): string {
  const { namespace, name } = podOf(args);
  return name === "" ? `container ${containerId}` : `pod ${namespace}/${name}`;
}

function splitPair(pair: string): [string, string] {
  const at = pair.indexOf("=");
  return at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
}
