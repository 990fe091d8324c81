// What an explanation is made of.

import type { Runtime } from "../../packages/core/index.ts";
import type { Cluster, NetworkAttachmentDefinition, Pod } from "../cluster/cluster.ts";
import type { Executed, NodeFiles } from "./node.ts";

/** A pod, and how many devices of each resource its containers request. */
export interface GivenPod extends Pod {
  devices: ReadonlyMap<string, number>;
}

export interface Given {
  /** Plexus's conf, as the runtime has it; unless given, the cluster's default network is a stand-in. */
  conf?: string | undefined;
  /** The confs of the node. */
  files: NodeFiles;
  nad: Cluster["nad"];
  /** Unless given, the container is not a pod's. */
  pod?: GivenPod | undefined;
  /** What the runtime says, as far as it is known. */
  runtime?: Partial<Omit<Runtime, "network">>;
  /** The plugins of the node; unless given, it has all. */
  plugins?: readonly string[];
  /** Returns what a plugin prints, where that is known. */
  answer?: (executed: Executed) => string | undefined;
}

/** Returns NetworkAttachmentDefinitions as an API server would have them. */
export function nadsOf(nads: readonly NetworkAttachmentDefinition[]): Cluster["nad"] {
  return async (namespace, name) => nads.find((one) => one.namespace === namespace && one.name === name);
}
