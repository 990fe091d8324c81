// Replicas of the webhook beside a test's API server: the rights and the configurations of deploy/webhook, but by URL, as there
// is no network of services.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureKubectl } from "../../scripts/provide/kubectl.ts";
import { type ApiServer, freePorts } from "./apiserver.ts";
import { binary } from "./binary.ts";
import { Daemon } from "./daemon.ts";
import { kustomized, type Manifest } from "./kustomize.ts";

const deploy = (name: string) => kustomized(fileURLToPath(new URL(`../../deploy/${name}`, import.meta.url)));
/** What a certificate is made for in `deploy/`. */
const SERVICE = "plexus-webhook.kube-system.svc";
const ACCOUNT = { name: "system:serviceaccount:kube-system:plexus-webhook" };

/** The certificate of deploy/webhook. */
const SHARED = ["--secret", "kube-system/plexus-webhook", "--host", SERVICE, "--host", "127.0.0.1"];

export interface Answer {
  status: number;
  body: string;
}

export class Webhook {
  readonly replicas: Daemon[] = [];

  private constructor(
    readonly api: ApiServer,
    readonly ports: readonly number[],
    private readonly options: readonly string[],
  ) {}

  /**
   * Starts replicas, each of which the API server asks.
   *
   * @param policy what follows if one cannot be asked: `Fail` shows that each has been
   */
  static async start(
    api: ApiServer,
    { count = 2, policy = "Fail", options = [] as string[], certificate = SHARED } = {},
  ): Promise<Webhook> {
    const webhook = new Webhook(api, await freePorts(count), [...certificate, ...options]);
    for (const object of deploy("webhook-mutate")) await api.admin.create(webhook.adapted(object, policy));
    for (const port of webhook.ports) webhook.startReplica(port);
    await webhook.ready();
    return webhook;
  }

  /** Ends all replicas, and removes what was made for them. */
  async stop(): Promise<void> {
    await Promise.all(this.replicas.map((one) => one.stop("SIGKILL")));
    for (const object of deploy("webhook-mutate"))
      await this.api.admin.delete(this.adapted(object, "Ignore")).catch(() => undefined);
  }

  startReplica(port: number): Daemon {
    const kubeconfig = this.api.kubeconfig(ACCOUNT);
    const own = ["--listen", `127.0.0.1:${port}`, "--kubeconfig", kubeconfig, "--log-level", "debug"];
    const daemon = new Daemon(`webhook-${port}`, [binary, "webhook", ...own, ...this.options], this.api.dir);
    this.replicas.push(daemon);
    return daemon;
  }

  /** Waits until all replicas serve with a certificate that the API server was told of. */
  async ready(): Promise<void> {
    for (const [index, replica] of this.replicas.entries()) {
      const port = this.ports[index] ?? 0;
      if (!replica.running) continue;
      await replica.until("the webhook is ready", async () => (await ask(port, "/readyz")).status === 200);
    }
  }

  said(index: number): string {
    return fs.readFileSync(this.replicas[index]?.log ?? "", "utf8");
  }

  /** The object as this test's server takes it: webhooks by URL, one for each replica. */
  private adapted(object: Manifest, policy: string): Manifest {
    if (object.kind === "PodDisruptionBudget") return { ...object, apiVersion: "policy/v1beta1" }; // v1 is of 1.21
    if (!object.kind.endsWith("WebhookConfiguration")) return object;
    const webhooks = object.webhooks.flatMap((webhook: Manifest) =>
      this.ports.map((port) => ({
        ...webhook,
        name: `r${port}.${webhook.name}`,
        clientConfig: { url: `https://127.0.0.1:${port}${webhook.clientConfig.service.path}` },
        failurePolicy: policy,
        timeoutSeconds: policy === "Fail" ? 20 : webhook.timeoutSeconds, // the machine may be slow
      })),
    );
    return { ...object, webhooks };
  }
}

/** Sends a request to a replica, whoever has signed its certificate. */
export function ask(
  port: number,
  path: string,
  { method = "GET", headers = {}, body = "" as string | Buffer } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: "127.0.0.1", port, path, method, headers, rejectUnauthorized: false, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
        });
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

export interface Ran {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs kubectl as the administrator. */
export function kubectlAt(api: ApiServer): (args: string[], input?: string) => Ran {
  const kubeconfig = api.kubeconfig("admin");
  const cache = join(api.dir, "kubectl");
  return (args, input = "") => {
    const all = ["--kubeconfig", kubeconfig, "--cache-dir", cache, ...args];
    const { status, stdout, stderr } = spawnSync(ensureKubectl(), all, { input, encoding: "utf8" });
    return { status, stdout, stderr };
  };
}
