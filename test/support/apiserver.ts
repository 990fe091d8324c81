// A Kubernetes API of a test's own: etcd and kube-apiserver, with a certificate authority, the
// NetworkAttachmentDefinition and the rights that deploy/ gives to Plexus. No scheduler and no controllers: a test says
// on which node a pod is, and nothing makes a namespace's service accounts.
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import * as fs from "node:fs";
import { get } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  AuthorizationV1Api,
  CoreV1Api,
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
} from "@kubernetes/client-node";
import { parseAllDocuments } from "yaml";
import { ensurePackages } from "../../scripts/provide/debian.ts";
import { ensureKubernetes } from "../../scripts/provide/kubernetes.ts";
import { Authority, type Subject } from "./authority.ts";
import { Daemon } from "./daemon.ts";
import { until } from "./until.ts";

/** Who a kubeconfig is for: the cluster's administrator, or Plexus with the rights of deploy/thin/rbac.yaml. */
export type User = "admin" | "plexus";

/** How a client is to reach the server, and to say who it is. */
export interface Access {
  /** Instead of by a client certificate: a token. */
  token?: string;
  /** What `reach` answered, for a client in that network namespace. */
  url?: string;
}

/** A request that the server has answered. */
export interface Request {
  /** `get`, `create`, `patch` ... */
  verb: string;
  /** Path and query. */
  uri: string;
  status: number;
  /** Its arrival, in milliseconds since 1970. */
  at: number;
}

const KUBE_SYSTEM = { name: "kube-system" } as const;
const PLEXUS = { name: "plexus", namespace: KUBE_SYSTEM.name } as const;
const SUBJECTS: Record<User, Subject> = {
  admin: { name: "test-admin", groups: ["system:masters"] },
  // By certificate, Plexus is who its service account's token makes it: so one binding does for both.
  plexus: { name: `system:serviceaccount:${PLEXUS.namespace}:${PLEXUS.name}` },
};
/** The server's address in other network namespaces. The range is for tests between networks (RFC 2544). */
const ADDRESS = "198.18.0.1";
/** That of the service `kubernetes`: the first one of the services' range. */
export const SERVICE = "10.96.0.1";
/** Plexus's requests, for `requests`. */
const AUDIT = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    users: ["${SUBJECTS.plexus.name}"]
  - level: None
`;

/**
 * Executes its arguments, with memory where `$0` is, for these processes alone: on a disk that is slow to sync, etcd answers requests of
 * a hundred at once by "request timed out".
 */
const IN_MEMORY = 'mount -t tmpfs -o mode=0700 etcd "$0"; exec "$@"';

export class ApiServer {
  /** Everything of it on disk, but for etcd's data. */
  readonly dir = fs.mkdtempSync(join(tmpdir(), "plexus-kube-"));
  /** `https://127.0.0.1:<port>`, for clients in this process's network namespace. */
  readonly url: string;
  /** The cluster's certificate authority. */
  readonly authority = new Authority(join(this.dir, "pki"), "plexus-test");
  /** Creates, reads, lists, patches and deletes objects of any kind, as the administrator. */
  readonly admin: KubernetesObjectApi;
  /** Pods, nodes, events, as the administrator: what `admin` cannot do, as a subresource. */
  readonly core: CoreV1Api;

  private readonly config = new KubeConfig();
  private readonly etcd: Daemon;
  private readonly command: string[];
  private readonly audit = join(this.dir, "audit.log");
  private readonly links: string[] = [];
  private readonly port: number;
  private server: Daemon;

  private constructor([etcdPort = 0, peerPort = 0, port = 0]: number[]) {
    this.port = port;
    this.url = `https://127.0.0.1:${port}`;
    const [clients, peers] = [`http://127.0.0.1:${etcdPort}`, `http://127.0.0.1:${peerPort}`];
    const data = join(this.dir, "etcd");
    fs.mkdirSync(data, { mode: 0o700 });
    const etcd = [
      ...(process.getuid?.() === 0 ? ["unshare", "--mount", "sh", "-ec", IN_MEMORY, data] : []),
      ...[ensureKubernetes("etcd"), "--name", "plexus", "--data-dir", data],
      ...["--log-level", "warn", "--logger", "zap"],
      ...["--listen-client-urls", clients, "--advertise-client-urls", clients],
      ...["--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers],
      ...["--initial-cluster", `plexus=${peers}`],
    ];
    this.etcd = new Daemon("etcd", etcd, this.dir);
    const names = ["127.0.0.1", ADDRESS, SERVICE].map((address) => `IP:${address}`);
    const tls = this.authority.issue({ name: "kube-apiserver", server: [...names, "DNS:localhost"] });
    const towardsKubelets = this.authority.issue({
      name: "kube-apiserver-kubelet-client",
      groups: ["system:masters"],
    });
    const tokens = this.authority.tokenKeys();
    const policy = join(this.dir, "audit.yaml");
    fs.writeFileSync(policy, AUDIT);
    this.command = [
      ensureKubernetes("kube-apiserver"),
      `--etcd-servers=${clients}`,
      "--bind-address=0.0.0.0", // each namespace that `reach` makes a way into sees it at an interface of its own
      `--advertise-address=${ADDRESS}`,
      "--anonymous-auth=false",
      `--secure-port=${port}`,
      "--service-cluster-ip-range=10.96.0.0/16",
      `--client-ca-file=${this.authority.cert}`,
      `--tls-cert-file=${tls.cert}`,
      `--tls-private-key-file=${tls.key}`,
      `--kubelet-client-certificate=${towardsKubelets.cert}`, // for `kubectl exec` and `kubectl logs`
      `--kubelet-client-key=${towardsKubelets.key}`,
      "--kubelet-preferred-address-types=InternalIP", // no server knows the names of nodes
      "--authorization-mode=Node,RBAC",
      "--enable-admission-plugins=NodeRestriction",
      "--disable-admission-plugins=ServiceAccount", // nothing here makes the accounts it asks for
      "--allow-privileged=true",
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-signing-key-file=${tokens.signing}`,
      `--service-account-key-file=${tokens.verifying}`,
      `--audit-policy-file=${policy}`,
      `--audit-log-path=${this.audit}`,
    ];
    this.server = new Daemon("kube-apiserver", this.command, this.dir);
    this.config.loadFromString(fs.readFileSync(this.kubeconfig("admin"), "utf8"));
    this.admin = KubernetesObjectApi.makeApiClient(this.config);
    this.core = this.config.makeApiClient(CoreV1Api);
  }

  /**
   * A new cluster, ready to be used.
   *
   * @param confs which confs a NetworkAttachmentDefinition can have there: those that deploy/crd allows, or any, as with
   *   Multus's own CRD, and as what was created before; or there is nothing of Plexus in it, not even that CRD
   */
  static async start(confs: "checked" | "any" | "none" = "checked"): Promise<ApiServer> {
    const api = new ApiServer(await freePorts(3));
    try {
      await api.ready();
      if (confs === "none") return api;
      const crd = deploy("crd/crd.yaml");
      await api.apply(confs === "any" ? crd.replace(/^ +pattern: .*\n/m, "") : crd);
      await api.apply(deploy("thin/rbac.yaml"));
      const [apiVersion, kind] = ["k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition"];
      await until("NetworkAttachmentDefinitions are served", () => api.admin.list(apiVersion, kind));
      return api;
    } catch (error) {
      await api.stop();
      throw error;
    }
  }

  /** Ends both servers and removes their data, and the ways that `reach` has made. */
  async stop(): Promise<void> {
    for (const link of this.links.splice(0)) {
      spawnSync("ip", ["link", "delete", link]); // it may have gone with the namespace of its other end
    }
    await Promise.all([this.server.stop("SIGKILL"), this.etcd.stop("SIGKILL")]);
    fs.rmSync(this.dir, { recursive: true, force: true });
  }

  /** From now on the API takes connections, and answers nothing. */
  pause(): void {
    this.server.signal("SIGSTOP");
  }

  /** The end of `pause`; what was asked meanwhile is answered now. */
  resume(): void {
    this.server.signal("SIGCONT");
  }

  /** From now on the API refuses connections. */
  async down(): Promise<void> {
    await this.server.stop("SIGKILL");
  }

  /** The end of `down`: the API is back, at the same address and with the same data. */
  async up(): Promise<void> {
    if (this.server.running) return;
    this.server = new Daemon("kube-apiserver", this.command, this.dir);
    await this.ready();
  }

  /** Creates the objects that are in a YAML text. */
  async apply(yaml: string): Promise<void> {
    for (const document of parseAllDocuments(yaml)) {
      if (document.contents !== null) await this.admin.create(document.toJS() as KubernetesObject);
    }
  }

  /**
   * Makes the server reachable from another network namespace: by an interface in there, called `ifname`, with an
   * address and a default route. It goes with the namespace, and at the latest with this server.
   *
   * @param netns the path of the namespace
   * @returns the server's URL there
   */
  reach(netns: string, ifname = "eth0"): string {
    ensurePackages(["iproute2"]);
    const link = `plexus${randomBytes(4).toString("hex")}`;
    this.links.push(link);
    // By chance, as another process may be doing the same.
    const address = `198.19.${randomInt(256)}.${randomInt(1, 255)}`;
    const ip = (...args: string[]) => execFileSync("ip", args);
    const inside = (...args: string[]) => execFileSync("nsenter", [`--net=${netns}`, "ip", ...args]);
    // Made inside, so that the other end is called `ifname` even where this namespace has one of that name.
    inside("link", "add", ifname, "type", "veth", "peer", "name", link, "netns", `${process.pid}`);
    ip("address", "add", ADDRESS, "peer", address, "dev", link);
    ip("link", "set", link, "up");
    inside("address", "add", address, "peer", ADDRESS, "dev", ifname);
    inside("link", "set", ifname, "up");
    inside("route", "add", "default", "via", ADDRESS);
    return `https://${ADDRESS}:${this.port}`;
  }

  /** Whether Plexus may do that with pods: the server learns of a changed role a moment after it was written. */
  async mayWithPods(verb: string): Promise<boolean> {
    const body = { spec: { user: SUBJECTS.plexus.name, resourceAttributes: { verb, resource: "pods" } } };
    const { status } = await this.config
      .makeApiClient(AuthorizationV1Api)
      .createSubjectAccessReview({ body });
    return status?.allowed === true;
  }

  /** A new token of Plexus's service account, as a pod of it has one. */
  async token(seconds = 3600): Promise<string> {
    const { status } = await this.core.createNamespacedServiceAccountToken({
      ...PLEXUS,
      body: { spec: { audiences: [], expirationSeconds: seconds } },
    });
    if (!status?.token) throw new Error("the API server made no token");
    return status.token;
  }

  /**
   * Writes a kubeconfig that only its owner can read.
   *
   * @returns its path
   */
  kubeconfig(user: User | Subject, { token, url = this.url }: Access = {}): string {
    const subject = typeof user === "string" ? SUBJECTS[user] : user;
    const path = join(this.dir, `${randomBytes(4).toString("hex")}.kubeconfig`);
    const base64 = (file: string) => fs.readFileSync(file).toString("base64");
    const lines = () => {
      const { cert, key } = this.authority.issue(subject);
      return `client-certificate-data: ${base64(cert)}\n      client-key-data: ${base64(key)}`;
    };
    fs.writeFileSync(
      path,
      `apiVersion: v1
kind: Config
clusters:
  - name: test
    cluster:
      server: ${url}
      certificate-authority-data: ${base64(this.authority.cert)}
contexts:
  - name: test
    context:
      cluster: test
      user: ${subject.name}
current-context: test
users:
  - name: ${subject.name}
    user:
      ${token === undefined ? lines() : `token: ${token}`}
`,
      { mode: 0o600 },
    );
    return path;
  }

  /** What Plexus has asked of this server so far, in the order of arrival. */
  requests(): Request[] {
    if (!fs.existsSync(this.audit)) return [];
    return fs
      .readFileSync(this.audit, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line))
      .map(({ verb, requestURI, responseStatus, requestReceivedTimestamp }) => ({
        verb,
        uri: requestURI,
        status: responseStatus?.code ?? 0,
        at: Date.parse(requestReceivedTimestamp),
      }))
      .sort((a, b) => a.at - b.at);
  }

  private async ready(): Promise<void> {
    const user = this.config.getCurrentUser();
    const options = {
      ca: fs.readFileSync(this.authority.cert),
      cert: Buffer.from(user?.certData ?? "", "base64"),
      key: Buffer.from(user?.keyData ?? "", "base64"),
    };
    const status = () =>
      new Promise<number | undefined>((resolve, reject) => {
        const request = get(`${this.url}/readyz`, options, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        request.on("error", reject);
      });
    await this.server.until("the API server is ready", async () => (await status()) === 200);
    await until("the API server has made its namespaces", () => this.core.readNamespace(KUBE_SYSTEM));
  }
}

/** The text of a manifest that the project ships. */
function deploy(name: string): string {
  return fs.readFileSync(fileURLToPath(new URL(`../../deploy/${name}`, import.meta.url)), "utf8");
}

/** Ports of 127.0.0.1 that nobody listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.on("error", reject);
          server.on("listening", () => resolve((server.address() as { port: number }).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
