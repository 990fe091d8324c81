// What a resident process knows of the cluster without asking: this node's pods and all NetworkAttachmentDefinitions.
//
// What a Follower knows stays in use while its watch is broken: a pod counts only with the UID that the runtime gives, and with
// the claims that the kubelet has seen already; a NetworkAttachmentDefinition is asked for anew if its watch has been silent, or
// refused, for too long. What is not known is asked for, as by the one-shot plugin.
import type { Cluster, NetworkAttachmentDefinition, Pod } from "./cluster.ts";
import { Follower, type FollowerOptions, type WatchedKind } from "./follower.ts";
import { lacksClaims, nadOf, podOf } from "./objects.ts";
import { Observed } from "./readiness.ts";
import { restCluster } from "./rest.ts";

/** The annotations of a pod that are kept. network-status alone can be longer than all of them. */
const KEPT = /^(k8s\.v1\.cni\.cncf\.io\/(?!network-status)|v1\.multus-cni\.io\/|kubernetes\.io\/config\.)/;

export interface WatchOptions extends FollowerOptions {
  nodeName: string;
}

export class WatchedCluster {
  /** Answers calls. */
  readonly cluster: Cluster;
  readonly kinds: readonly WatchedKind[];
  private readonly observed: Observed;
  private readonly end = new AbortController();

  /** Begins to list and follow. */
  constructor(options: WatchOptions) {
    this.observed = new Observed(restCluster(options), options.clock);
    const rest = this.observed.cluster;
    const pods = new Follower<{ pod: Pod; isEarly: boolean }>(
      "Pod",
      `/api/v1/pods?fieldSelector=${encodeURIComponent(`spec.nodeName=${options.nodeName}`)}`,
      (object) => ({ pod: withKeptAnnotations(podOf(object)), isEarly: lacksClaims(object) }),
      options,
    );
    const nads = new Follower<NetworkAttachmentDefinition>(
      "NetworkAttachmentDefinition",
      "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions?",
      (object) => withKeptAnnotations(nadOf(object)),
      options,
    );
    this.kinds = [pods, nads];
    this.cluster = {
      ...rest,
      startConnecting: async () => undefined,
      async pod(namespace, name, uid, limit) {
        const { pod, isEarly } = pods.get(namespace, name) ?? {};
        return pod && pod.uid === uid && !isEarly ? pod : rest.pod(namespace, name, uid, limit);
      },
      async nad(namespace, name, limit) {
        const nad = nads.isTooOld() ? undefined : nads.get(namespace, name);
        return nad ?? rest.nad(namespace, name, limit);
      },
    };
    for (const follower of [pods, nads]) void follower.run(this.end.signal);
  }

  /** Returns why calls cannot be served as they should; undefined if both kinds are followed, and requests work. */
  async problem(): Promise<string | undefined> {
    for (const known of this.kinds) {
      if (!known.synced) return `the cluster's ${known.kind}s are not known yet`;
      if (!known.isFollowed()) return `the cluster's ${known.kind}s are not followed`;
    }
    return this.observed.problem();
  }

  stop(): void {
    this.end.abort();
  }
}

function withKeptAnnotations<T extends { annotations: Record<string, string> }>(object: T): T {
  const kept = Object.entries(object.annotations).filter(([key]) => KEPT.test(key));
  return { ...object, annotations: Object.fromEntries(kept) };
}
