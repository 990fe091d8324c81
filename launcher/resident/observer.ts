// What a resident process tells of its calls: to its log, and to its metrics.
import { type OrphanFate, podOf, type Witness } from "../attach/call.ts";
import { parametersOf } from "../cni/parameters.ts";
import type { Fault } from "../fault.ts";
import type { Said } from "../log/log.ts";
import { type Trace, traceOf } from "../log/trace.ts";
import { reasonOf } from "./reasons.ts";

/** Is told of everything, when the call that it is about need not wait for that. Never throws. */
export interface Observer {
  ended(call: Ended): void;
  /** A plugin of the node was executed. */
  executed(plugin: string, verb: string, seconds: number): void;
  /** A call has written a line to its own log. */
  said(call: Named, said: Said): void;
  /** As a call has seen it; `left` is how many orphans the node has by now. */
  orphans(call: Named, fate: OrphanFate | undefined, left: number): void;
  /** Something is wrong that is not a call's. */
  warned(message: string): void;
}

/** Which call it is. */
export interface Named {
  verb: string;
  /** Empty for STATUS and GC. */
  containerId: string;
  /** `namespace/name`; undefined if the runtime says none. */
  pod: string | undefined;
  trace: Trace | undefined;
}

export interface Ended extends Named {
  /** `answered`, `failed` with a CNI error, left to `plexus` on the node, or the runtime's end came first. */
  how: "answered" | "failed" | "fallback" | "gone";
  /** Milliseconds, from the connection on. */
  tookMs: number;
  /** Of these it has waited for its turn: for a slot, and for earlier calls of its container. */
  queuedMs: number;
  /** Milliseconds of all executions of plugins together. */
  pluginsMs: number;
  /** `name/interface` of each network that a plugin was executed for. */
  networks: readonly string[];
  /** Names of networks with a plugin that has failed. */
  failed: readonly string[];
  /** Why it was answered with an error; `reason` is one of a few words: reasons.ts. */
  failure: { reason: string; code: number; message: string } | undefined;
  /** Why it was left to `plexus`. */
  left: string | undefined;
}

/** More networks of one call are not noted: a GC may have any number. */
const MOST_NETWORKS = 1000;

/** What is noted of a call while it lasts. */
export class CallNotes implements Named {
  readonly verb: string;
  readonly containerId: string;
  readonly pod: string | undefined;
  readonly trace: Trace | undefined;
  readonly env: Record<string, string>;
  fault: Fault | undefined;
  left: string | undefined;
  pluginsMs = 0;
  private queuedMs = 0;
  private readonly beganMs: number;
  private readonly arrivedMs = performance.now();
  private readonly networks = new Set<string>();
  private readonly failed = new Set<string>();

  /** @param beganMs when its connection was made, by performance.now() */
  constructor(env: Record<string, string>, beganMs: number) {
    const { verb, containerId, args } = parametersOf(env);
    const { namespace, name } = podOf(args);
    this.verb = verb;
    this.containerId = containerId;
    this.pod = name === "" ? undefined : `${namespace}/${name}`;
    this.trace = traceOf(env);
    this.env = env;
    this.beganMs = beganMs;
  }

  /** Its turn has come. */
  begins(): void {
    this.queuedMs = performance.now() - this.arrivedMs;
  }

  /** It has waited for a slot once more. */
  waitedAgain(ms: number): void {
    this.queuedMs += ms;
  }

  executed({ network, ifname, hasFailed }: Parameters<Witness["executed"]>[0]): void {
    if (this.networks.size < MOST_NETWORKS)
      this.networks.add(ifname === "" ? network : `${network}/${ifname}`);
    if (hasFailed && this.failed.size < MOST_NETWORKS) this.failed.add(network);
  }

  ends(isGone: boolean): Ended {
    const { containerId, fault, left, pluginsMs, pod, queuedMs, trace, verb } = this;
    const how = isGone ? "gone" : left !== undefined ? "fallback" : fault ? "failed" : "answered";
    const failure = fault && { reason: reasonOf(fault), code: fault.code, message: fault.message };
    const tookMs = performance.now() - this.beganMs;
    const [networks, failed] = [[...this.networks], [...this.failed]];
    return {
      verb,
      containerId,
      pod,
      trace,
      how,
      tookMs,
      queuedMs,
      pluginsMs,
      networks,
      failed,
      failure,
      left,
    };
  }
}

/** Tells several observers. */
export class Observers implements Observer {
  readonly all: Observer[] = [];

  ended(call: Ended): void {
    for (const one of this.all) one.ended(call);
  }

  executed(...given: Parameters<Observer["executed"]>): void {
    for (const one of this.all) one.executed(...given);
  }

  said(...given: Parameters<Observer["said"]>): void {
    for (const one of this.all) one.said(...given);
  }

  orphans(...given: Parameters<Observer["orphans"]>): void {
    for (const one of this.all) one.orphans(...given);
  }

  warned(message: string): void {
    for (const one of this.all) one.warned(message);
  }
}
