// A call that asks others than the node in haste: all its questions together have one deadline.
import type { Cluster, TimeLimit } from "../cluster/cluster.ts";
import { Code, Fault } from "../fault.ts";
import type { Call } from "./call.ts";

/** Makes a call whose questions to the API server and the kubelet end, all together, after `withinMs` from now. */
export function hasty(call: Call, withinMs: number): Call {
  const { clock, cluster, host } = call;
  const deadlineMs = clock.now() + withinMs;
  const leftMs = () => deadlineMs - clock.now();

  async function inTime<T>(ask: () => Promise<T>): Promise<T> {
    const late = new Fault(
      Code.tryAgainLater,
      `no answer within ${withinMs / 1000} s, which are for all questions`,
    );
    if (leftMs() <= 0) throw late;
    const over = new AbortController();
    const end = clock.sleep(leftMs(), over.signal).then(() => Promise.reject(late));
    try {
      return await Promise.race([ask(), end]);
    } finally {
      over.abort();
    }
  }
  const within = (limit?: TimeLimit): TimeLimit => ({ ...limit, deadlineMs });
  const hurried =
    cluster &&
    ({
      ...cluster,
      pod: (namespace, name, uid, limit) => inTime(() => cluster.pod(namespace, name, uid, within(limit))),
      nad: (namespace, name, limit) => inTime(() => cluster.nad(namespace, name, within(limit))),
      claim: (namespace, name, limit) => inTime(() => cluster.claim(namespace, name, within(limit))),
      published: (driver, node, limit) => inTime(() => cluster.published(driver, node, within(limit))),
    } satisfies Cluster);
  return {
    ...call,
    cluster: hurried,
    host: {
      ...host,
      grpc: (socket, method, limitMs) => inTime(() => host.grpc(socket, method, Math.min(limitMs, leftMs()))),
    },
  };
}
