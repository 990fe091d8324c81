// `plexus webhook`: says at `kubectl apply` what would fail later. A bundle of its own.

import { Core } from "../../packages/core/index.ts";
import { systemClock } from "../clock.ts";
import type { TimeLimit } from "../cluster/cluster.ts";
import { inCluster } from "../cluster/connection.ts";
import { readKubeconfig } from "../cluster/kubeconfig.ts";
import { accessBy } from "../cluster/open.ts";
import type { ApiAccess } from "../cluster/transport.ts";
import { wasm } from "../core/wasm.ts";
import { ProcessLog, type ProcessLogOptions } from "../log/process.ts";
import type { Endpoint } from "../resident/endpoint.ts";
import { timesOf } from "./authorities.ts";
import { type Certificates, FileCertificates, validityOf } from "./certificates.ts";
import { inject } from "./inject.ts";
import { type Judging, judge } from "./judge.ts";
import { type FollowedNetworks, followNetworks } from "./networks.ts";
import { type AdmissionRequest, writeReview } from "./request.ts";
import { Series } from "./series.ts";
import { type Routes, WebhookServer } from "./server.ts";
import { SharedCertificates } from "./shared.ts";
import type { Pair, ServerName } from "./x509.lazy.ts";

/** How long lines of the log may still be taken at the end. */
const LAST_LINES_MS = 500;
const GROUP = "/apis/admissionregistration.k8s.io/v1";

export interface WebhookOptions {
  listen: Endpoint;
  version: string;
  /** Files in PEM; or authorities in a Secret. */
  certificate: { cert: string; key: string } | Shared;
  /** Path; "" for the pod's own account. */
  kubeconfig: string;
  /** Does it change pods? */
  mutates: boolean;
  /** Rules that refuse no NetworkAttachmentDefinition. */
  lenient: readonly string[];
  log: ProcessLogOptions;
}

interface Shared {
  /** `namespace/name` */
  secret: string;
  names: readonly ServerName[];
  /** How long an authority lasts. */
  lifeMs: number;
  /** The name of the configurations. */
  configuration: string;
}

/** Serves until it is asked to end by SIGTERM or SIGINT. */
export async function serveWebhook(options: WebhookOptions): Promise<void> {
  const webhook = new Webhook(options);
  await webhook.run();
}

class Webhook {
  private readonly log: ProcessLog;
  private readonly over = new AbortController();
  private readonly networks: FollowedNetworks | undefined;
  private readonly certificates: Certificates;
  private readonly series: Series;
  private readonly judging: Judging;
  private server: WebhookServer | undefined;
  private certificateEnds: number | undefined;
  private isLeaving = false;

  constructor(private readonly options: WebhookOptions) {
    this.log = new ProcessLog(options.log);
    const warn = (message: string) => this.log.write("error", message);
    const access = accessOf(options.kubeconfig, warn);
    this.networks = access && followNetworks({ ...access, warn }, this.over.signal);
    if (options.mutates && !this.networks)
      throw new Error(
        "--mutate: nothing is known of the cluster here; run it in a pod, or give --kubeconfig",
      );
    this.certificates = certificatesOf(options, access, warn);
    this.series = new Series({
      connections: () => this.server?.connections ?? 0,
      certificateEnds: () => this.certificateEnds,
      networks: this.networks?.kind,
    });
    const lenient = new Set(options.lenient);
    this.judging = {
      core: new Core(wasm()),
      lint: new Core(wasm("lint.wasm")),
      networks: this.networks,
      lenient,
    };
  }

  async run(): Promise<void> {
    const { version, mutates } = this.options;
    const asked = new Promise<string>((resolve) => {
      for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
    });
    this.log.write("info", "plexus webhook starts", { version, pid: process.pid, mutates: `${mutates}` });
    const failed = new Promise<never>((_, reject) => {
      let isServed = false;
      void this.certificates.follow((pair) => {
        this.certified(pair);
        if (!isServed) this.serve(pair).catch(reject);
        isServed = true;
      }, this.over.signal);
    });
    try {
      const reason = await Promise.race([asked, failed]);
      this.isLeaving = true;
      this.log.write("info", "ends when what runs has ended", { reason });
      await this.server?.leave();
    } finally {
      this.over.abort();
      this.log.write("info", "has ended");
      await Promise.race([this.log.flush(), systemClock.sleep(LAST_LINES_MS)]);
    }
  }

  private certified(pair: Pair): void {
    this.server?.replace(pair);
    this.certificateEnds = validityOf(pair).to;
    this.log.write("info", "has a certificate", { until: new Date(this.certificateEnds).toISOString() });
  }

  private async serve(pair: Pair): Promise<void> {
    const server = new WebhookServer(pair, this.routes());
    const port = await server.listen(this.options.listen);
    this.server = server;
    this.log.write("info", "is ready", { port });
  }

  private routes(): Routes {
    const { mutates } = this.options;
    const reviews: Routes["reviews"] = new Map([
      ["/validate", (request: AdmissionRequest, limit: TimeLimit) => this.validate(request, limit)],
      ...(mutates
        ? [["/mutate", (request: AdmissionRequest, limit: TimeLimit) => this.mutate(request, limit)] as const]
        : []),
    ]);
    const page = (problem: string | undefined) =>
      problem === undefined ? { text: "ok\n" } : { text: `${problem}\n`, status: 503 };
    const pages: Routes["pages"] = new Map([
      ["/healthz", async () => page(this.isAlive() ? undefined : "the core does not answer")],
      ["/readyz", async () => page(this.isLeaving ? "this process ends" : undefined)],
      ["/metrics", async () => ({ text: await this.series.text(), type: this.series.contentType })],
    ]);
    const failed = (status: number, why: string) => {
      this.series.failed();
      this.log.write("debug", "a request cannot be answered", { status, why });
    };
    return { reviews, pages, failed };
  }

  private isAlive(): boolean {
    return this.judging.core.isAlive() && this.judging.lint.isAlive();
  }

  private async validate(request: AdmissionRequest, limit: TimeLimit): Promise<string> {
    const began = systemClock.now();
    const { rules, ...answer } = await judge(this.judging, request, limit);
    const outcome =
      answer.refusal !== undefined ? "refused" : answer.warnings.length > 0 ? "warned" : "allowed";
    this.series.reviewed("/validate", outcome, (systemClock.now() - began) / 1000, rules);
    const { namespace, name, object } = request;
    if (outcome !== "allowed")
      this.log.write("info", outcome, {
        kind: `${object?.raw().kind}`,
        namespace,
        name,
        rules: [...new Set(rules)],
      });
    return writeReview(request.uid, answer);
  }

  private async mutate(request: AdmissionRequest, limit: TimeLimit): Promise<string> {
    const { networks } = this;
    const began = systemClock.now();
    const answer = networks
      ? await inject({ core: this.judging.core, networks }, request, limit)
      : { warnings: [] };
    const isChanged = (answer.patch ?? []).length > 0;
    const outcome = isChanged ? "changed" : answer.warnings.length > 0 ? "warned" : "allowed";
    this.series.reviewed("/mutate", outcome, (systemClock.now() - began) / 1000, []);
    return writeReview(request.uid, answer);
  }
}

/** Undefined if there is neither a kubeconfig nor a service account. */
function accessOf(kubeconfig: string, warn: (message: string) => void): ApiAccess | undefined {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "" } = process.env;
  if (kubeconfig !== "") return accessBy(() => readKubeconfig(kubeconfig, warn), process.env);
  return host === "" ? undefined : accessBy(async () => inCluster(host, port), process.env);
}

function certificatesOf(
  { certificate, mutates }: WebhookOptions,
  access: ApiAccess | undefined,
  warn: (message: string) => void,
): Certificates {
  if ("cert" in certificate) return new FileCertificates(certificate, systemClock, warn);
  if (!access)
    throw new Error("--secret: nothing is known of the cluster here; run it in a pod, or give --kubeconfig");
  const { secret, names, lifeMs, configuration } = certificate;
  const kinds = ["validatingwebhookconfigurations", ...(mutates ? ["mutatingwebhookconfigurations"] : [])];
  const configurations = kinds.map((kind) => `${GROUP}/${kind}/${encodeURIComponent(configuration)}`);
  const times = timesOf(lifeMs);
  return new SharedCertificates({ access, secret, configurations, names, times, now: Date.now, warn });
}
