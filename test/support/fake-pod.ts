// A process as a pod of a service account has it: with the account's token where pods find it, in a mount namespace of its own.
import * as fs from "node:fs";
import { join } from "node:path";
import type { ApiServer } from "./apiserver.ts";
import { Daemon } from "./daemon.ts";

const MOUNTED = "/run/secrets/kubernetes.io/serviceaccount";
const SCRIPT = `mount -t tmpfs none /run && mkdir -p ${MOUNTED} && cp "$0"/* ${MOUNTED}/ && exec "$@"`;

export class FakePod {
  readonly name: string;
  /** Bound to the pod. */
  readonly token: string;
  private readonly dir: string;
  private readonly api: ApiServer;

  private constructor(api: ApiServer, name: string, token: string, dir: string) {
    this.api = api;
    this.name = name;
    this.token = token;
    this.dir = dir;
  }

  /** Makes a pod of an account of kube-system. */
  static async create(api: ApiServer, name: string, account: string): Promise<FakePod> {
    const namespace = "kube-system";
    const pod = await api.core.createNamespacedPod({
      namespace,
      body: {
        metadata: { name },
        spec: { serviceAccountName: account, nodeName: "node", containers: [{ name: "c", image: "none" }] },
      },
    });
    const boundObjectRef = { apiVersion: "v1", kind: "Pod", name, uid: `${pod.metadata?.uid}` };
    const { status } = await api.core.createNamespacedServiceAccountToken({
      namespace,
      name: account,
      body: { spec: { audiences: [], expirationSeconds: 3600, boundObjectRef } },
    });
    const token = `${status?.token}`;
    const dir = fs.mkdtempSync(join(api.dir, "pod-"));
    fs.writeFileSync(join(dir, "token"), token);
    fs.writeFileSync(join(dir, "namespace"), namespace);
    fs.copyFileSync(api.authority.cert, join(dir, "ca.crt"));
    return new FakePod(api, name, token, dir);
  }

  /** Starts a command in it. */
  start(command: string[], env: Record<string, string> = {}): Daemon {
    const { port } = new URL(this.api.url);
    const own = {
      KUBERNETES_SERVICE_HOST: "127.0.0.1",
      KUBERNETES_SERVICE_PORT: port,
      PATH: `${process.env.PATH}`,
    };
    const variables = Object.entries({ ...own, ...env }).map(([key, value]) => `${key}=${value}`);
    const line = ["unshare", "--mount", "--propagation", "private", "sh", "-c", SCRIPT, this.dir, ...command];
    return new Daemon(this.name, ["env", "-i", ...variables, ...line], this.dir);
  }

  /** Deletes it: its token ends. */
  async delete(): Promise<void> {
    await this.api.core.deleteNamespacedPod({
      name: this.name,
      namespace: "kube-system",
      gracePeriodSeconds: 0,
    });
  }
}
