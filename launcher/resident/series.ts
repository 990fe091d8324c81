// The metrics of a resident process, each with its name. What tenants choose is a label only where the number of its values is
// bounded. Source: Prometheus naming practices. docs/metrics.md has the list.
import { Counter, collectDefaultMetrics, Gauge, Histogram, type Registry } from "prom-client";
import type { WatchedKind } from "../cluster/follower.ts";
import { visible } from "../log/visible.ts";
import type { Build } from "../version.ts";
import type { Ended, Observer } from "./observer.ts";
import type { Fate } from "./outbox.ts";
import type { Tally } from "./tally.ts";

/** What is read when somebody asks for the metrics, or for health. */
export interface Sources {
  build: Build;
  /** All reasons that a failure may have. */
  reasons: readonly string[];
  known: readonly WatchedKind[];
  /** Returns why calls cannot be served as they should; undefined if they can. */
  problem(): Promise<string | undefined>;
  running(): number;
  waiting(): number;
  slots: number;
  connected(): number;
  connections: number;
  /** Shims that were too many. */
  refused(): number;
  /** Lines of the log that were dropped. */
  dropped(): number;
  /** What became of the events of pods so far. */
  events(): Readonly<Record<Fate, number>>;
  /** What became of what is to be said in ResourceClaims. */
  claims(): Readonly<Record<Fate, number>>;
  tally: Pick<Tally, "fallbacks" | "starts" | "handovers">;
  /** Does the core answer? */
  isAlive(): boolean;
}

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const VERBS = ["ADD", "DEL", "CHECK", "STATUS", "GC"];
const HOWS: readonly Ended["how"][] = ["answered", "failed", "fallback", "gone"];
/** What stands for all others. */
const OTHER = "other";
/** Networks have names that tenants choose: so many have series of their own, and so many characters. */
const MOST_NETWORKS = 100;
const LONGEST_NETWORK = 128;
/** Plugins are those that are installed. */
const MOST_PLUGINS = 100;

/** Makes all metrics, and returns what has to be told. */
export function seriesIn(register: Registry, sources: Sources): Observer {
  const registers = [register];
  collectDefaultMetrics({ register });
  addGauges(registers, sources);
  addReadings(registers, sources);
  addKinds(registers, sources.known);
  const calls = new Counter({
    name: "plexus_calls_total",
    help: "Calls of the runtime, by how they ended: answered, failed, fallback, gone",
    labelNames: ["verb", "how"],
    registers,
  });
  const failures = new Counter({
    name: "plexus_failures_total",
    help: "Calls that were answered with an error, by its reason",
    labelNames: ["verb", "reason"],
    registers,
  });
  const networks = new Counter({
    name: "plexus_network_failures_total",
    help: "Calls in which a plugin of a network failed, by the network: the first hundred, and other",
    labelNames: ["verb", "network"],
    registers,
  });
  const histogram = (name: string, help: string, labelNames: string[]) =>
    new Histogram({ name, help, labelNames, buckets: BUCKETS, registers });
  const took = histogram("plexus_call_duration_seconds", "Calls, from connection to answer", ["verb"]);
  const queued = histogram(
    "plexus_call_queue_seconds",
    "What calls have waited for their turn: for a slot, and for earlier calls of their container",
    ["verb"],
  );
  const executions = histogram("plexus_delegate_duration_seconds", "Executions of CNI plugins", [
    "plugin",
    "verb",
  ]);
  for (const verb of VERBS) {
    for (const how of HOWS) calls.inc({ verb, how }, 0); // so that the first one counts as an increase
    for (const reason of sources.reasons) failures.inc({ verb, reason }, 0);
  }
  const networkOf = boundedBy(MOST_NETWORKS);
  const pluginOf = boundedBy(MOST_PLUGINS);
  const orphans = addOrphans(registers);
  return {
    ended({ failure, failed, how, queuedMs, tookMs, ...call }) {
      const verb = VERBS.includes(call.verb) ? call.verb : OTHER;
      calls.inc({ verb, how });
      if (how === "failed" && failure) failures.inc({ verb, reason: failure.reason });
      for (const network of failed) networks.inc({ verb, network: networkOf(network) });
      took.observe({ verb }, tookMs / 1000);
      queued.observe({ verb }, queuedMs / 1000);
    },
    executed(plugin, verb, seconds) {
      executions.observe({ plugin: pluginOf(plugin), verb }, seconds);
    },
    said: () => undefined,
    orphans,
    warned: () => undefined,
  };
}

/** Returns a name that is one of the first so many, or `other`. */
function boundedBy(most: number): (name: string) => string {
  const names = new Set<string>();
  return (name) => {
    const shown = visible(name.slice(0, LONGEST_NETWORK));
    if (names.has(shown)) return shown;
    if (names.size >= most) return OTHER;
    names.add(shown);
    return shown;
  };
}

/** What is known of orphans is what calls have seen of them. */
function addOrphans(registers: Registry[]): Observer["orphans"] {
  let known = Number.NaN;
  new Gauge({
    name: "plexus_orphans",
    help: "Attachments that no DEL could undo, as of the last call that has seen them; NaN before the first",
    registers,
    collect() {
      this.set(known);
    },
  });
  const fates = new Counter({
    name: "plexus_orphans_total",
    help: "Orphans, by what became of them: kept, detached, given up",
    labelNames: ["fate"],
    registers,
  });
  for (const fate of ["kept", "detached", "given up"]) fates.inc({ fate }, 0);
  return (_call, fate, left) => {
    known = left;
    if (fate !== undefined) fates.inc({ fate });
  };
}

/** Adds what is at any moment. */
function addGauges(registers: Registry[], sources: Sources): void {
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
  gauge("plexus_slots", "Calls that may work at once", () => sources.slots);
  gauge("plexus_connections", "Shims that are served", sources.connected);
  gauge("plexus_connections_limit", "Shims that may be served at once", () => sources.connections);
  new Gauge({
    name: "plexus_build_info",
    help: "Which build this is; always 1",
    labelNames: ["version", "commit", "node", "core", "shim"],
    registers,
  }).set({ ...sources.build }, 1);
}

/** Adds what others have counted. */
function addReadings(registers: Registry[], { claims, dropped, events, refused, tally }: Sources): void {
  const reading = (name: string, help: string, label: string, values: () => Record<string, number>) =>
    new Counter({
      name,
      help,
      labelNames: label === "" ? [] : [label],
      registers,
      collect() {
        this.reset();
        for (const [value, count] of Object.entries(values()))
          this.inc(label === "" ? {} : { [label]: value }, count);
      },
    });
  const single = (name: string, help: string, value: () => number) =>
    reading(name, help, "", () => ({ "": value() }));
  reading(
    "plexus_events_total",
    "Events of pods, by what became of them: sent, failed, dropped",
    "fate",
    events,
  );
  reading(
    "plexus_claims_total",
    "What pods' ResourceClaims are to say of their devices, a pod at a time, by what became of it: sent, failed, dropped",
    "fate",
    claims,
  );
  reading(
    "plexus_shim_fallbacks_total",
    "Calls that a shim has left to plexus since the node booted, by why",
    "reason",
    () => tally.fallbacks(),
  );
  single("plexus_shim_starts_total", "Resident processes that shims have started since the node booted", () =>
    tally.starts(),
  );
  single("plexus_shim_handovers_total", "Calls that a shim has handed to another resident process", () =>
    tally.handovers(),
  );
  single("plexus_connections_refused_total", "Shims that were more than may be served", refused);
  single("plexus_log_dropped_total", "Lines of the log that were not taken in time", dropped);
}

/** Adds what is known of the cluster. */
function addKinds(registers: Registry[], kinds: readonly WatchedKind[]): void {
  const metric = (
    Type: typeof Gauge | typeof Counter,
    name: string,
    help: string,
    value: (known: WatchedKind) => number,
  ) =>
    new Type({
      name,
      help,
      labelNames: ["kind"],
      registers,
      collect() {
        this.reset();
        for (const known of kinds) this.inc({ kind: known.kind }, value(known));
      },
    });
  metric(Gauge, "plexus_cache_objects", "Objects of the cluster that are known", ({ count }) => count);
  metric(Gauge, "plexus_cache_age_seconds", "Since the API server last said anything about them", (known) =>
    known.ageSeconds(),
  );
  metric(Gauge, "plexus_cache_followed", "Whether they are followed: 1 or 0", (known) =>
    known.isFollowed() ? 1 : 0,
  );
  metric(Counter, "plexus_cache_lists_total", "Lists that were asked for", ({ lists }) => lists);
  metric(
    Counter,
    "plexus_cache_watches_total",
    "Watches that were opened: the first, and each restart",
    (known) => known.watches,
  );
}
