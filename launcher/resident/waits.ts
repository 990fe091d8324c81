// The ports of a call in a resident process: what waits there for others than the node does so without a slot.

import type { Cluster, TimeLimit } from "../cluster/cluster.ts";
import type { Host } from "../host/host.ts";
import type { Turn } from "./admission.ts";

/** Waits for the API server without a slot, and no longer than the runtime waits for the call. */
export function clusterInTurn(cluster: Cluster, turn: Turn): Cluster {
  const within = (limit?: TimeLimit) => ({ ...limit, signal: turn.ended });
  return {
    startConnecting: () => turn.waitFor(cluster.startConnecting()),
    pod: (namespace, name, uid, limit) => turn.waitFor(cluster.pod(namespace, name, uid, within(limit))),
    nad: (namespace, name, limit) => turn.waitFor(cluster.nad(namespace, name, within(limit))),
    claim: (namespace, name, limit) => turn.waitFor(cluster.claim(namespace, name, within(limit))),
    published: (driver, nodeName, limit) => turn.waitFor(cluster.published(driver, nodeName, within(limit))),
    // Mostly it is the last that a call does.
    annotate: (pod, annotations, limit, asRead) =>
      turn.waitFor(cluster.annotate(pod, annotations, within(limit), asRead), { resumes: false }),
    describeDevice: (...given) => cluster.describeDevice(...given),
    recordEvent: (pod, event, limit) => cluster.recordEvent(pod, event, limit),
  };
}

/** Executes with a slot only: the call may have given its own back. */
export function hostInTurn(host: Host, turn: Turn): Host {
  const inTurn =
    <Given extends unknown[], T>(work: (...given: Given) => Promise<T>) =>
    (...given: Given) =>
      turn.execute(() => work(...given));
  return {
    ...host,
    execute: inTurn(host.execute),
    configure: inTurn(host.configure),
    showLink: inTurn(host.showLink),
    moveRdma: inTurn(host.moveRdma),
    sysctl: inTurn(host.sysctl),
  };
}
