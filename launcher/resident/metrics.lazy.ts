// The daemon's metrics and health, over HTTP. Source: Prometheus naming practices; Kubernetes' probes.
import { createServer, type Server } from "node:http";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { WatchedKind } from "../cluster/watch.ts";
import type { Fate } from "./outbox.ts";
import type { Ended } from "./server.ts";

export interface Gauges {
  known: readonly WatchedKind[];
  running(): number;
  waiting(): number;
  /** What became of the events of pods so far. */
  events(): Readonly<Record<Fate, number>>;
  /** Does the core answer? */
  isAlive(): boolean;
}

export interface Metrics {
  ended(call: Ended): void;
  executed(plugin: string, verb: string, seconds: number): void;
  close(): void;
}

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** @param address `HOST:PORT`, or `:PORT` for all addresses */
export async function serveMetrics(address: string, sources: Gauges): Promise<Metrics> {
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register });
  const calls = new Counter({
    name: "plexus_calls_total",
    help: "Calls of the runtime, by how they ended: answered, failed, fallback, gone",
    labelNames: ["verb", "how"],
    registers,
  });
  const latency = new Histogram({
    name: "plexus_call_duration_seconds",
    help: "Calls of the runtime, from connection to answer",
    labelNames: ["verb"],
    buckets: BUCKETS,
    registers,
  });
  const delegates = new Histogram({
    name: "plexus_delegate_duration_seconds",
    help: "Executions of CNI plugins",
    labelNames: ["plugin", "verb"],
    buckets: BUCKETS,
    registers,
  });
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge("plexus_calls_running", "Calls that work: they have a slot", sources.running);
  gauge("plexus_calls_waiting", "Calls that wait for a slot", sources.waiting);
  countEvents(sources, registers);
  for (const [name, help, value] of [
    ["plexus_cache_objects", "Objects of the cluster that are known", (known: WatchedKind) => known.count],
    [
      "plexus_cache_age_seconds",
      "Since the API server last said anything about them",
      (known: WatchedKind) => known.ageSeconds(),
    ],
  ] as const) {
    new Gauge({
      name,
      help,
      labelNames: ["kind"],
      registers,
      collect() {
        for (const known of sources.known) this.set({ kind: known.kind }, value(known));
      },
    });
  }
  const isReady = () => sources.known.every(({ synced }) => synced);
  const server = createServer((request, response) => {
    const say = (status: number, text: string) => response.writeHead(status).end(`${text}\n`);
    if (["/healthz", "/readyz"].includes(request.url ?? "") && !sources.isAlive())
      say(503, "the core does not answer");
    else if (request.url === "/healthz") say(200, "ok");
    else if (request.url === "/readyz")
      say(isReady() ? 200 : 503, isReady() ? "ok" : "the cluster is not known yet");
    else if (request.url === "/metrics") {
      register.metrics().then(
        (text) => response.writeHead(200, { "Content-Type": register.contentType }).end(text),
        (error: unknown) => say(500, String(error)),
      );
    } else say(404, "there is /metrics, /healthz and /readyz");
  });
  await listen(server, address);
  return {
    ended({ verb, how, took }) {
      calls.inc({ verb, how });
      latency.observe({ verb }, took / 1000);
    },
    executed(plugin, verb, seconds) {
      delegates.observe({ plugin, verb }, seconds);
    },
    close: () => server.close(),
  };
}

function countEvents({ events }: Gauges, registers: Registry[]): void {
  new Counter({
    name: "plexus_events_total",
    help: "Events of pods, by what became of them: sent, failed, dropped",
    labelNames: ["fate"],
    registers,
    collect() {
      this.reset();
      for (const [fate, count] of Object.entries(events())) this.inc({ fate }, count);
    },
  });
}

function listen(server: Server, address: string): Promise<void> {
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(address) ?? [];
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port: Number(port), ...(host === "" ? {} : { host }) }, resolve);
  });
}
