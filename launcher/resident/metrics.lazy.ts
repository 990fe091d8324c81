// The daemon's metrics and health, over HTTP. Source: Prometheus naming practices; Kubernetes' probes.
import { createServer, type RequestListener, type Server } from "node:http";
import type { Socket } from "node:net";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { WatchedKind } from "../cluster/follower.ts";
import { type Endpoint, listenPatiently, type Patience } from "./endpoint.ts";
import type { Fate } from "./outbox.ts";
import type { Ended } from "./server.ts";

export interface Gauges {
  known: readonly WatchedKind[];
  /** Returns why the cluster is not to be had; undefined if it is. */
  problem(): Promise<string | undefined>;
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

/** For more, the oldest gives way: so nobody who holds connections keeps out probes, or takes memory. */
const MOST_CONNECTIONS = 64;
/** A request that is not whole by then, or an answer that is not taken, ends its connection. */
const SLOWEST_MS = 5000;
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Serves from when it can listen there: until then it notes what it is told. */
export function serveMetrics(
  endpoint: Endpoint,
  sources: Gauges,
  patience: Omit<Patience, "signal">,
): Metrics {
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
  addGauges(registers, sources);
  const server = boundedServer(answering(register, sources));
  const closed = new AbortController();
  void listenPatiently(server, endpoint, { ...patience, signal: closed.signal });
  return {
    ended({ verb, how, took }) {
      calls.inc({ verb, how });
      latency.observe({ verb }, took / 1000);
    },
    executed(plugin, verb, seconds) {
      delegates.observe({ plugin, verb }, seconds);
    },
    close: () => {
      closed.abort();
      server.close();
    },
  };
}

/** Adds what is known at any moment, read when somebody asks. */
function addGauges(registers: Registry[], sources: Gauges): void {
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
  new Counter({
    name: "plexus_events_total",
    help: "Events of pods, by what became of them: sent, failed, dropped",
    labelNames: ["fate"],
    registers,
    collect() {
      this.reset();
      for (const [fate, count] of Object.entries(sources.events())) this.inc({ fate }, count);
    },
  });
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
}

function answering(register: Registry, sources: Gauges): RequestListener {
  return (request, response) => {
    const say = (status: number, text: string) => response.writeHead(status).end(`${text}\n`);
    if (["/healthz", "/readyz"].includes(request.url ?? "") && !sources.isAlive())
      say(503, "the core does not answer");
    else if (request.url === "/healthz") say(200, "ok");
    else if (request.url === "/readyz")
      void sources.problem().then((problem) => say(problem === undefined ? 200 : 503, problem ?? "ok"));
    else if (request.url === "/metrics") {
      register.metrics().then(
        (text) => response.writeHead(200, { "Content-Type": register.contentType }).end(text),
        (error: unknown) => say(500, String(error)),
      );
    } else say(404, "there is /metrics, /healthz and /readyz");
  };
}

/** Anybody who reaches the node's address reaches this: it takes few connections, and none for long. */
function boundedServer(listener: RequestListener): Server {
  const options = {
    headersTimeout: SLOWEST_MS,
    requestTimeout: SLOWEST_MS,
    connectionsCheckingInterval: SLOWEST_MS / 5,
  };
  const server = createServer(options, listener);
  server.timeout = SLOWEST_MS;
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    const [oldest] = open;
    if (open.size > MOST_CONNECTIONS) oldest?.destroy();
  });
  return server;
}
