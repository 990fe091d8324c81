// The metrics of a webhook. Source: Prometheus naming practices. docs/webhook.md has the list.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { WatchedKind } from "../cluster/follower.ts";

/** `failed` is a request that could not be answered: the API server goes on without us. */
export type Outcome = "allowed" | "warned" | "refused" | "changed" | "failed";

export interface Sources {
  connections(): number;
  /** In ms since 1970; undefined if there is no certificate. */
  certificateEnds(): number | undefined;
  networks: WatchedKind | undefined;
}

export class Series {
  private readonly register = new Registry();
  private readonly reviews = new Counter({
    name: "plexus_webhook_reviews_total",
    help: "Objects that were looked at, by path and outcome.",
    labelNames: ["path", "outcome"],
    registers: [this.register],
  });
  private readonly seconds = new Histogram({
    name: "plexus_webhook_review_duration_seconds",
    help: "How long an object was looked at.",
    labelNames: ["path"],
    buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2],
    registers: [this.register],
  });
  private readonly findings = new Counter({
    name: "plexus_webhook_findings_total",
    help: "What was found, by the rule of plexus lint.",
    labelNames: ["rule"],
    registers: [this.register],
  });

  constructor({ connections, certificateEnds, networks }: Sources) {
    collectDefaultMetrics({ register: this.register });
    const gauge = (name: string, help: string, read: () => number) =>
      new Gauge({
        name,
        help,
        registers: [this.register],
        collect() {
          this.set(read());
        },
      });
    gauge("plexus_webhook_connections", "Open connections.", connections);
    gauge(
      "plexus_webhook_certificate_expiry_timestamp_seconds",
      "When the certificate that is served ends.",
      () => Math.round((certificateEnds() ?? 0) / 1000),
    );
    if (!networks) return;
    gauge("plexus_webhook_networks", "NetworkAttachmentDefinitions that are known.", () => networks.count);
    gauge("plexus_webhook_networks_followed", "1 if they are followed.", () => Number(networks.isFollowed()));
  }

  get contentType(): string {
    return this.register.contentType;
  }

  text(): Promise<string> {
    return this.register.metrics();
  }

  reviewed(path: string, outcome: Outcome, seconds: number, rules: readonly string[]): void {
    this.reviews.inc({ path, outcome });
    this.seconds.observe({ path }, seconds);
    for (const rule of new Set(rules)) this.findings.inc({ rule });
  }

  /** A request that is not a review, or is of no known path. */
  failed(): void {
    this.reviews.inc({ path: "", outcome: "failed" });
  }
}
