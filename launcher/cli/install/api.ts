// Questions of the installer to the API server.
import { join } from "node:path";
import { systemClock } from "../../clock.ts";
import { type Connection, inCluster } from "../../cluster/connection.ts";
import { accessBy } from "../../cluster/open.ts";
import { Transport } from "../../cluster/transport.ts";
import { readRegularText } from "../../regular.ts";

/** A server that is away keeps nobody waiting: what is there stays, and it is asked again. */
const LIMIT_MS = 5_000;

export interface ApiReply {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever object the server answers with
  body: any;
  /** The server's clock, by its Date header, exact to a second; undefined if it has not said it. */
  dateMs?: number | undefined;
}

export class Api {
  private constructor(private readonly transport: Transport) {}

  /** @throws Fault if what describes the way to the server cannot be used */
  static async by(connect: () => Promise<Connection>, env: NodeJS.ProcessEnv): Promise<Api> {
    return new Api(await Transport.open(accessBy(connect, env)));
  }

  /** @throws Fault if there is no answer in time */
  async ask(method: "GET" | "POST", path: string, body?: object): Promise<ApiReply> {
    const content = body && { type: "application/json", body: JSON.stringify(body) };
    const deadlineMs = systemClock.now() + LIMIT_MS;
    const answer = await this.transport.send({ method, path, ...content }, { deadlineMs });
    const text = answer.body.toString();
    return {
      status: answer.status,
      body: answer.contentType.includes("json") ? JSON.parse(text) : { message: text },
      dateMs: Date.parse(answer.date ?? "") || undefined,
    };
  }
}

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** The API server as Kubernetes tells each pod of it. */
export interface PodApi {
  /** https://HOST:PORT */
  server: string;
  /** Returns the text of a file that Kubernetes has put into the pod. */
  mounted(name: "ca.crt" | "namespace" | "token"): string;
  /** As `Api.ask`. The first question opens the way to the server. */
  ask: Api["ask"];
}

/** Makes it, and connects to nothing; undefined where this is not a pod. */
export function podApi(env: NodeJS.ProcessEnv, dir = SERVICE_ACCOUNT): PodApi | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (!host || !port) return undefined;
  let api: Api | undefined;
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    mounted: (name) => readRegularText(join(dir, name)),
    async ask(...question) {
      api ??= await Api.by(async () => inCluster(host, port, dir), env);
      return api.ask(...question);
    },
  };
}
