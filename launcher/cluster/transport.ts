// Requests to one API server over HTTP/1.1: kept-alive connections, time limits, and another try where that is safe.
import { existsSync, readFileSync } from "node:fs";
import type * as http from "node:http";
import type * as https from "node:https";
import { isIP } from "node:net";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { Code, Fault } from "../fault.ts";
import type { Connection } from "./connection.ts";
import { type Failure, failure, Late, Nonsense } from "./failure.ts";
import { proxyOf } from "./proxy.ts";

export interface Request {
  method: "GET" | "PATCH" | "POST";
  /** Begins with /api; percent-encoded. */
  path: string;
  /** Its media type. */
  type?: string;
  body?: string;
}

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

/** For a request with all its tries. Runtimes wait for minutes; a small cluster's API server restarts in 20 s. */
const WITHIN = 30_000;
/** For one try: enough on a node with 60 ADDs on 2 cores, and leaves time for the next server behind a balancer. */
const TRY = 10_000;
const SHORTEST_TRY = 100;
/** Between tries, doubled each time. */
const FIRST_WAIT = 100;
const LONGEST_WAIT = 2_000;
/** Kubernetes has no object above 1.5 MB (etcd's limit for a request). */
const MAX_BODY = 8 << 20;
/** A further connection pays when this many requests would wait for each: it costs as much as a few of them. */
const REQUESTS_A_CONNECTION = 4;
const MAX_CONNECTIONS = 4;

type SecureOptions = Pick<
  ConnectionOptions,
  "secureContext" | "rejectUnauthorized" | "servername" | "checkServerIdentity"
>;

const OVERLOADED = 429;
const PASSING = [500, 502, 503, 504];

export class Transport {
  private pending = 0;

  private constructor(
    readonly connection: Connection,
    private readonly client: typeof http | typeof https,
    private readonly agent: http.Agent,
  ) {}

  /** @throws Fault with code 7 where certificate, key or proxy cannot be used */
  static async to(connection: Connection, env: NodeJS.ProcessEnv): Promise<Transport> {
    const options = { keepAlive: true, ...proxyOptions(connection, env) };
    if (connection.server.protocol === "http:") {
      const client = process.getBuiltinModule("node:http");
      return new Transport(connection, client, new client.Agent(options));
    }
    const tls = process.getBuiltinModule("node:tls");
    const secure = tlsOptions(connection, tls);
    // The first connection is opened while node:https is loaded, which takes 1 ms.
    const early = "proxyEnv" in options ? undefined : connectEarly(connection, tls, secure);
    await new Promise(setImmediate);
    const client = process.getBuiltinModule("node:https");
    const agent = new client.Agent({ ...options, ...secure });
    const connectLater = agent.createConnection.bind(agent);
    agent.createConnection = (...args) => early?.() ?? connectLater(...args);
    return new Transport(connection, client, agent);
  }

  /**
   * The server's answer, whatever its status. GET and PATCH are sent again where that may help, a POST only where the
   * server has not carried it out.
   *
   * @param within milliseconds, all tries together
   * @throws Fault where there is no answer in time
   */
  async send(request: Request, within = WITHIN): Promise<Answer> {
    const deadline = now() + within;
    const repeatable = request.method !== "POST";
    for (let tries = 0; ; tries++) {
      const answer = await this.try(request, Math.min(Math.max(deadline - now(), SHORTEST_TRY), TRY));
      let wait = Math.min(FIRST_WAIT * 2 ** tries, LONGEST_WAIT) * (0.5 + Math.random() / 2);
      if ("fault" in answer) {
        if (answer.again === "never" || (answer.again === "perhaps" && !repeatable)) throw answer.fault;
        if (answer.stale) wait = 0;
      } else {
        const { status, headers } = answer;
        const passes = status === OVERLOADED || (repeatable && PASSING.includes(status));
        if (!passes && !(tries > 0 && isStarting(answer))) return answer;
        wait = Math.max(wait, retryAfter(headers));
      }
      if (now() + wait < deadline) await new Promise((resolve) => setTimeout(resolve, wait));
      else if (!("fault" in answer)) return answer;
      else throw tries === 0 ? answer.fault : givenUp(answer.fault, tries + 1, within);
    }
  }

  /**
   * A watch: tells of each line that the server sends, until it ends the answer, or is silent for `silence` milliseconds.
   *
   * @returns the answer where it is none with status 200
   * @throws Fault where the connection breaks
   */
  async follow(
    path: string,
    line: (text: string) => void,
    silence: number,
    signal: AbortSignal,
  ): Promise<Answer | undefined> {
    const request: Request = { method: "GET", path };
    try {
      return await new Promise<Answer | undefined>((resolve, reject) => {
        const sent = this.client.request({ ...this.options(request), signal }, (response) => {
          if (response.statusCode !== 200) {
            receive(response, resolve, reject);
            return;
          }
          let rest = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => {
            const lines = (rest + chunk).split("\n");
            rest = lines.pop() ?? "";
            try {
              if (rest.length > MAX_BODY) throw new Nonsense(`a line is larger than ${MAX_BODY >> 20} MiB`);
              for (const text of lines) line(text);
            } catch (error) {
              response.destroy(error as Error);
            }
          });
          response.on("error", reject);
          response.on("end", () => resolve(undefined));
        });
        sent.setTimeout(silence, () => sent.destroy(new Late(`nothing within ${seconds(silence)}`)));
        sent.on("error", reject);
        sent.end();
      });
    } catch (error) {
      throw failure(error as Error, this.connection).fault.during(`GET ${this.url(request)}`);
    }
  }

  /** Where a request goes, for messages. */
  url({ path }: Request): string {
    return this.connection.server.origin + this.prefix + path;
  }

  private async try(request: Request, limit: number): Promise<Answer | (Failure & { stale: boolean })> {
    this.pending++;
    this.agent.maxSockets = Math.min(Math.ceil(this.pending / REQUESTS_A_CONNECTION), MAX_CONNECTIONS);
    let sent: http.ClientRequest | undefined;
    try {
      return await new Promise<Answer>((resolve, reject) => {
        sent = this.client.request(this.options(request), (response) => receive(response, resolve, reject));
        sent.on("error", reject);
        const stop = limitTime(limit, () => sent?.destroy(new Late(`no answer within ${seconds(limit)}`)));
        sent.on("close", stop);
        sent.end(request.body);
      });
    } catch (error) {
      const { fault, again } = failure(error as Error, this.connection);
      // A kept connection that the server had closed meanwhile says nothing about the server.
      const stale = again === "perhaps" && !(error instanceof Late) && sent?.reusedSocket === true;
      return { fault: fault.during(`${request.method} ${this.url(request)}`), again, stale };
    } finally {
      this.pending--;
    }
  }

  private options({ method, path, type, body }: Request): https.RequestOptions {
    const { server, headers, authorization } = this.connection;
    const credentials = authorization();
    return {
      agent: this.agent,
      method,
      hostname: hostOf(server),
      port: server.port,
      path: this.prefix + path,
      headers: {
        Accept: "application/json",
        "User-Agent": "plexus",
        ...headers,
        ...(credentials === undefined ? {} : { Authorization: credentials }),
        ...(body === undefined ? {} : { "Content-Type": type, "Content-Length": Buffer.byteLength(body) }),
      },
    };
  }

  /** The path of the server's URL: a proxy of clusters has one for each. */
  private get prefix(): string {
    return this.connection.server.pathname.replace(/\/+$/, "");
  }
}

/** @returns the connection, once, if it did not fail: then the request finds out why */
function connectEarly(
  { server }: Connection,
  tls: typeof import("node:tls"),
  options: SecureOptions,
): () => TLSSocket | undefined {
  const host = hostOf(server);
  const servername = isIP(host) ? "" : host;
  const port = Number(server.port || "443");
  let socket: TLSSocket | undefined = tls.connect({
    host,
    port,
    servername,
    ALPNProtocols: ["http/1.1"],
    ...options,
  });
  socket.on("error", () => {});
  return () => {
    const taken = socket?.destroyed ? undefined : socket;
    socket = undefined;
    return taken;
  };
}

function tlsOptions(connection: Connection, tls: typeof import("node:tls")): SecureOptions {
  const { ca, clientCertificate, insecure, serverName, source } = connection;
  let secureContext: ReturnType<typeof tls.createSecureContext>;
  try {
    // One for all connections. Without a CA those count that the node trusts, as for every program in Go.
    const trusted = ca ?? (insecure ? undefined : systemAuthorities());
    secureContext = tls.createSecureContext({ ...(trusted ? { ca: trusted } : {}), ...clientCertificate });
  } catch (error) {
    const why = `its certificates or its key cannot be used: ${(error as Error).message}`;
    throw new Fault(Code.invalidNetworkConfig, `${source}: ${why}`);
  }
  const verification = { rejectUnauthorized: !insecure }; // the environment of the runtime has no say in it
  if (serverName === undefined) return { secureContext, ...verification };
  return {
    secureContext,
    ...verification,
    servername: isIP(serverName) ? "" : serverName, // SNI is for names only
    checkServerIdentity: (_, certificate) => tls.checkServerIdentity(serverName, certificate),
  };
}

/** The certificates that the node trusts, where its distribution keeps them. Source: Go's crypto/x509/root_linux.go. */
function systemAuthorities(): Buffer | undefined {
  const files = [
    "/etc/ssl/certs/ca-certificates.crt", // Debian
    "/etc/pki/tls/certs/ca-bundle.crt", // Fedora, RHEL 6
    "/etc/ssl/ca-bundle.pem", // OpenSUSE
    "/etc/pki/tls/cacert.pem", // OpenELEC
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // CentOS, RHEL 7
    "/etc/ssl/cert.pem", // Alpine
  ];
  const file = files.find((path) => existsSync(path));
  return file === undefined ? undefined : readFileSync(file);
}

function proxyOptions(connection: Connection, env: NodeJS.ProcessEnv): http.AgentOptions {
  const proxy = proxyOf(connection, env);
  if (proxy === undefined) return {};
  if (/^https?:\/\/[^/]/i.test(proxy) && URL.canParse(proxy))
    return { proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } };
  const from = connection.proxy ? `the proxy-url of ${connection.source}` : "the proxy in the environment";
  throw new Fault(
    Code.invalidNetworkConfig,
    `${from}, ${JSON.stringify(proxy)}, is no URL of an HTTP proxy, like http://192.0.2.1:3128`,
  );
}

/**
 * May this be the answer of a server that has only just come back? For some 100 ms it knows neither the rights of users
 * nor the kinds that CRDs define.
 */
function isStarting({ status, headers }: Answer): boolean {
  return status === 401 || status === 403 || (status === 404 && !headers["content-type"]?.includes("json"));
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1"); // IPv6
}

function givenUp({ code, message }: Fault, tries: number, within: number): Fault {
  return new Fault(code, `${message} (the last of ${tries} tries in ${seconds(within)})`);
}

/** Milliseconds, of no particular time. Not performance.now(), which takes 0.6 ms to load. */
function now(): number {
  return process.uptime() * 1000;
}

/** How long the server asks us to wait, in milliseconds. Source: RFC 9110, section 10.2.3. */
function retryAfter(headers: http.IncomingHttpHeaders): number {
  const after = headers["retry-after"] ?? "0";
  const wait = /^\d+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - Date.now();
  return wait > 0 ? wait : 0;
}

/**
 * Calls `late` after `limit` milliseconds; not for an answer that has waited in the kernel while this process executed
 * a delegate: timers have their turn before sockets are read.
 *
 * @returns what ends it
 */
function limitTime(limit: number, late: () => void): () => void {
  let timer: NodeJS.Timeout;
  const start = (time: number) => {
    const due = now() + time;
    timer = setTimeout(() => (now() - due < 50 ? late() : start(250)), time);
  };
  start(limit);
  return () => clearTimeout(timer);
}

function receive(
  response: http.IncomingMessage,
  resolve: (answer: Answer) => void,
  reject: (error: Error) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  response.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_BODY) response.destroy(new Nonsense(`the answer is larger than ${MAX_BODY >> 20} MiB`));
  });
  response.on("error", reject);
  response.on("end", () =>
    resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
  );
}

function seconds(milliseconds: number): string {
  return `${Math.round(milliseconds / 100) / 10} s`;
}
