// What a resident process knows of the cluster without asking: this node's pods and all NetworkAttachmentDefinitions.
//
// What a Follower knows stays in use while its watch is broken: a pod counts only with the UID that the runtime gives, and with
// the claims that the kubelet has seen already; a NetworkAttachmentDefinition is asked for anew if its watch has been silent, or
// refused, for too long (a server whose networks nobody changes may send no bookmarks), and the answer is kept for as long as a
// watch may be silent. What is not known is asked for, as by the one-shot plugin.
import type { Clock } from "../clock.ts";
import type { Cluster, NetworkAttachmentDefinition, Pod } from "./cluster.ts";
import { Follower, type FollowerOptions, TOO_OLD_SECONDS, type WatchedKind } from "./follower.ts";
import { lacksClaims, nadOf, podOf, runsInOwnNetwork } from "./objects.ts";
import { Observed } from "./readiness.ts";
import { restCluster } from "./rest.ts";

/** The annotations of a pod that are kept. network-status alone can be longer than all of them. */
const KEPT = /^(k8s\.v1\.cni\.cncf\.io\/(?!network-status)|v1\.multus-cni\.io\/|kubernetes\.io\/config\.)/;

export interface WatchOptions extends FollowerOptions {
  nodeName: string;
}

/** What is kept of a pod. */
interface WatchedPod {
  pod: Pod;
  isEarly: boolean;
  isRunning: boolean;
}

export class WatchedCluster {
  /** Answers calls. */
  readonly cluster: Cluster;
  readonly kinds: readonly WatchedKind[];
  /** Is told of each pod, as `namespace/name`, that is new here, or whose networks may be others than before. */
  changed: (pod: string, isNew: boolean) => void = () => undefined;
  private readonly pods: Follower<WatchedPod>;
  private readonly observed: Observed;
  private readonly answers: Answers;
  private readonly end = new AbortController();

  /** Begins to list and follow. */
  constructor(options: WatchOptions) {
    this.observed = new Observed(restCluster(options), options.clock);
    this.answers = new Answers(options.clock);
    const rest = this.observed.cluster;
    const pods = new Follower<WatchedPod>(
      "Pod",
      `/api/v1/pods?fieldSelector=${encodeURIComponent(`spec.nodeName=${options.nodeName}`)}`,
      (object) => ({
        pod: withKeptAnnotations(podOf(object)),
        isEarly: lacksClaims(object),
        isRunning: runsInOwnNetwork(object),
      }),
      options,
    );
    this.pods = pods;
    pods.put = (key, now, before) => {
      if (before === undefined || !isSame(now, before)) this.changed(key, before === undefined);
    };
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
      nad: async (namespace, name, limit) => {
        const ask = () => rest.nad(namespace, name, limit);
        if (nads.isTooOld()) return this.answers.get(`${namespace}/${name}`, ask);
        this.answers.clear();
        return nads.get(namespace, name) ?? ask();
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

  /** Is it a pod that has not ended, is not about to, and is not in the node's network? Such a one only may get other networks. */
  isRunning(namespace: string, name: string): boolean {
    return this.pods.get(namespace, name)?.isRunning ?? false;
  }

  stop(): void {
    this.end.abort();
  }
}

function isSame(one: WatchedPod, other: WatchedPod): boolean {
  const [some, others] = [one.pod.annotations, other.pod.annotations];
  const keys = [...new Set([...Object.keys(some), ...Object.keys(others)])];
  return one.pod.uid === other.pod.uid && keys.every((key) => some[key] === others[key]);
}

/** More are not kept. */
const MOST_ANSWERS = 1000;

/** NetworkAttachmentDefinitions that were asked for while their watch was silent. */
class Answers {
  private readonly kept = new Map<string, { nad: NetworkAttachmentDefinition; askedMs: number }>();
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  async get(key: string, ask: () => Promise<NetworkAttachmentDefinition | undefined>) {
    const known = this.kept.get(key);
    if (known && this.clock.now() - known.askedMs <= TOO_OLD_SECONDS * 1000) return known.nad;
    this.kept.delete(key);
    const askedMs = this.clock.now();
    const nad = await ask();
    if (nad && this.kept.size < MOST_ANSWERS) this.kept.set(key, { nad: withKeptAnnotations(nad), askedMs });
    return nad;
  }

  clear(): void {
    this.kept.clear();
  }
}

function withKeptAnnotations<T extends { annotations: Record<string, string> }>(object: T): T {
  const kept = Object.entries(object.annotations).filter(([key]) => KEPT.test(key));
  return { ...object, annotations: Object.fromEntries(kept) };
}
