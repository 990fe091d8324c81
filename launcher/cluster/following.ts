// What a resident process that a shim has started knows of the cluster: as much as a daemon, if its rights allow it.
//
// Nobody tells it the node's name. The first pod that it is asked for has that in its `spec.nodeName`, whatever the host is
// called. A server that refuses to list or to watch is asked as by the one-shot plugin, for a while.
import type { Cluster } from "./cluster.ts";
import type { FollowerOptions } from "./follower.ts";
import type { Http, Outcome } from "./http.ts";
import { restCluster } from "./rest.ts";
import type { ApiAccess } from "./transport.ts";
import { WatchedCluster } from "./watch.ts";

/** Rights change seldom; and a server that has just started may refuse what it allows a moment later. */
const ASK_AGAIN_MS = 600_000;

export class FollowingCluster {
  /** Answers calls. */
  readonly cluster: Cluster;
  private watched: WatchedCluster | undefined;
  private refusedMs = Number.NEGATIVE_INFINITY;
  private readonly options: FollowerOptions;

  constructor(options: FollowerOptions) {
    this.options = options;
    const rest = restCluster(options);
    this.cluster = {
      ...rest,
      pod: async (namespace, name, uid, limit) => {
        if (this.watched) return this.watched.cluster.pod(namespace, name, uid, limit);
        const pod = await rest.pod(namespace, name, uid, limit);
        if (pod && pod.nodeName !== "") this.follow(pod.nodeName);
        return pod;
      },
      nad: (namespace, name, limit) => (this.watched?.cluster ?? rest).nad(namespace, name, limit),
    };
  }

  stop(): void {
    this.watched?.stop();
    this.watched = undefined;
  }

  private follow(nodeName: string): void {
    const { clock } = this.options;
    if (this.watched || clock.now() - this.refusedMs < ASK_AGAIN_MS) return;
    const refused = () => {
      if (this.watched !== watched) return;
      this.refusedMs = clock.now();
      this.stop();
    };
    const watched = new WatchedCluster({ ...withNote(this.options, refused), nodeName });
    this.watched = watched;
  }
}

/** The same access, which tells if the server refuses something for want of a right. */
function withNote<T extends ApiAccess>(access: T, refused: () => void): T {
  const noted = <O extends Outcome | undefined>(outcome: O): O => {
    if (outcome && "status" in outcome && outcome.status === 403) refused();
    return outcome;
  };
  const open = async (): Promise<Http> => {
    const http = await access.open();
    const follow: Http["follow"] = async (...given) => noted(await http.follow(...given));
    const send: Http["send"] = async (...given) => noted(await http.send(...given));
    return Object.assign(Object.create(http) as Http, { follow, send });
  };
  return { ...access, open };
}
