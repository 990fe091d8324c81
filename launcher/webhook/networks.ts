// The cluster's NetworkAttachmentDefinitions, as far as they are known: followed, and asked for if one is missing, as it may
// have been created a moment ago.
import type { Clock } from "../clock.ts";
import type { NetworkAttachmentDefinition, TimeLimit } from "../cluster/cluster.ts";
import { Follower, type FollowerOptions, type WatchedKind } from "../cluster/follower.ts";
import { nadOf } from "../cluster/objects.ts";
import { restCluster } from "../cluster/rest.ts";
import { Code, Fault } from "../fault.ts";
import { RESOURCE_NAME } from "./subject.ts";

export const NODE_SELECTOR = "k8s.v1.cni.cncf.io/nodeSelector";

/** How long the API server may take to say that there is none of a name: it waits for us meanwhile. */
const ASK_MS = 500;
/** How long it is remembered that there is none. One that is created meanwhile is known by following, mostly at once. */
const ABSENT_MS = 3000;
const MOST_ABSENT = 1000;

export interface Networks {
  /** Are all of them known? */
  isComplete(): boolean;
  /** `namespace/name` of each. */
  titles(): string[];
  /**
   * Returns one of them, or undefined if there is none.
   *
   * @param isNow is one needed that has been created a moment ago? Then no older answer counts.
   * @throws Fault if that cannot be known
   */
  find(
    namespace: string,
    name: string,
    limit: TimeLimit,
    isNow?: boolean,
  ): Promise<NetworkAttachmentDefinition | undefined>;
}

export interface FollowedNetworks extends Networks {
  kind: WatchedKind;
}

/** Begins to list and follow them. */
export function followNetworks(options: FollowerOptions, signal: AbortSignal): FollowedNetworks {
  const rest = restCluster(options);
  const asked = new Asked((namespace, name, limit) => rest.nad(namespace, name, limit), options.clock);
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
    find: async (namespace, name, limit, isNow) => {
      const known = follower.isTooOld() ? undefined : follower.get(namespace, name);
      return known ?? asked.find(namespace, name, limit, isNow);
    },
  };
}

/** Asks the API server for networks that are not known. A controller makes a thousand pods at once that name one that is not there. */
export class Asked {
  /** `namespace/name` -> since when it is known that there is none. The oldest first. */
  private readonly absent = new Map<string, number>();
  private readonly open = new Map<string, Promise<NetworkAttachmentDefinition | undefined>>();

  constructor(
    private readonly ask: Networks["find"],
    private readonly clock: Clock,
  ) {}

  async find(namespace: string, name: string, limit: TimeLimit, isNow = false) {
    const key = `${namespace}/${name}`;
    const since = this.absent.get(key);
    if (!isNow && since !== undefined && this.clock.now() - since < ABSENT_MS) return undefined;
    const before = this.open.get(key);
    const found = await this.within(before ?? this.begin(key, namespace, name), key, limit);
    if (found !== undefined || !isNow || before === undefined) return found;
    // It may have been created since that was asked. Who asks next has asked later than this call.
    return this.within(this.open.get(key) ?? this.begin(key, namespace, name), key, limit);
  }

  /** Waits for an answer, which others may wait for too, as long as this caller may. */
  private async within<Answer>(answer: Promise<Answer>, key: string, limit: TimeLimit): Promise<Answer> {
    const { deadlineMs = Number.POSITIVE_INFINITY, signal } = limit;
    const leftMs = deadlineMs - this.clock.now();
    if (leftMs >= 2 * ASK_MS && !signal) return answer; // the question ends before
    const ended = new AbortController();
    const end = signal ? AbortSignal.any([signal, ended.signal]) : ended.signal;
    const late = this.clock.sleep(Math.max(0, Math.min(leftMs, 2 * ASK_MS)), end).then(() => {
      const why =
        "the API server has not said in time whether there is one; it is asked again with the next object";
      throw new Fault(Code.tryAgainLater, `network ${key}: ${why}`);
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      late.catch(() => undefined);
      ended.abort();
    }
  }

  /** Asks, for all who wait: none of their limits counts for the others. */
  private begin(key: string, namespace: string, name: string) {
    const asked = this.ask(namespace, name, { deadlineMs: this.clock.now() + ASK_MS })
      .then((found) => {
        if (found === undefined) this.remember(key);
        return found;
      })
      .finally(() => this.open.delete(key));
    asked.catch(() => undefined); // nobody may wait for it any more
    this.open.set(key, asked);
    return asked;
  }

  private remember(key: string): void {
    this.absent.delete(key); // so that it is the youngest
    this.absent.set(key, this.clock.now());
    for (const [oldest] of this.absent) {
      if (this.absent.size <= MOST_ABSENT) return;
      this.absent.delete(oldest);
    }
  }
}

function withKeptAnnotations(nad: NetworkAttachmentDefinition): NetworkAttachmentDefinition {
  const kept = Object.entries(nad.annotations).filter(([key]) =>
    [RESOURCE_NAME, NODE_SELECTOR].includes(key),
  );
  return { ...nad, annotations: Object.fromEntries(kept) };
}
