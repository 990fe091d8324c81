// The cluster's NetworkAttachmentDefinitions, as far as they are known: followed, and asked for if one is missing, as it may
// have been created a moment ago.
import type { NetworkAttachmentDefinition, TimeLimit } from "../cluster/cluster.ts";
import { Follower, type FollowerOptions, type WatchedKind } from "../cluster/follower.ts";
import { nadOf } from "../cluster/objects.ts";
import { restCluster } from "../cluster/rest.ts";
import { RESOURCE_NAME } from "./subject.ts";

export const NODE_SELECTOR = "k8s.v1.cni.cncf.io/nodeSelector";

/** How long the API server may take to say that there is none of a name: it waits for us meanwhile. */
const ASK_MS = 500;

export interface Networks {
  /** Are all of them known? */
  isComplete(): boolean;
  /** `namespace/name` of each. */
  titles(): string[];
  /**
   * Returns one of them, or undefined if there is none.
   *
   * @throws Fault if that cannot be known
   */
  find(namespace: string, name: string, limit: TimeLimit): Promise<NetworkAttachmentDefinition | undefined>;
}

export interface FollowedNetworks extends Networks {
  kind: WatchedKind;
}

/** Begins to list and follow them. */
export function followNetworks(options: FollowerOptions, signal: AbortSignal): FollowedNetworks {
  const rest = restCluster(options);
  const follower = new Follower<NetworkAttachmentDefinition>(
    "NetworkAttachmentDefinition",
    "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions?",
    (object) => withKeptAnnotations(nadOf(object)),
    options,
  );
  void follower.run(signal);
  return {
    kind: follower,
    isComplete: () => follower.isFollowed(),
    titles: () => follower.keys(),
    find: async (namespace, name, limit) => {
      const known = follower.isTooOld() ? undefined : follower.get(namespace, name);
      const deadlineMs = Math.min(options.clock.now() + ASK_MS, limit.deadlineMs ?? Number.POSITIVE_INFINITY);
      return known ?? rest.nad(namespace, name, { ...limit, deadlineMs });
    },
  };
}

function withKeptAnnotations(nad: NetworkAttachmentDefinition): NetworkAttachmentDefinition {
  const kept = Object.entries(nad.annotations).filter(([key]) =>
    [RESOURCE_NAME, NODE_SELECTOR].includes(key),
  );
  return { ...nad, annotations: Object.fromEntries(kept) };
}
