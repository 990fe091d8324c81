// One try of a request to an API server, and one watch: the port, and what it is in production, HTTP/1.1 over
// connections that are kept alive.
import type * as http from "node:http";
import type * as https from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { systemClock } from "../clock.ts";
import { Code, Fault } from "../fault.ts";
import { lazy } from "../lazy.ts";
import { type Connection, hostOf, pathUnder } from "./connection.ts";
import { type Failure, failureOf, MalformedAnswer, Timeout } from "./failure.ts";
import { proxyOf } from "./proxy.ts";
import { connectEarly, secureOptions } from "./tls.ts";

export interface ApiRequest {
  method: "GET" | "PATCH" | "POST" | "PUT";
  /** Begins with /api; percent-encoded. */
  path: string;
  /** The media type of the body. */
  type?: string;
  body?: string;
}

export interface ApiAnswer {
  status: number;
  /** The Content-Type header; "" if there is none. */
  contentType: string;
  /** The Location header; "" if there is none. */
  location: string;
  /** The Retry-After header: how long the server asks to wait; 0 if it does not. */
  retryAfterMs: number;
  /** The Date header, where somebody compares clocks. */
  date?: string | undefined;
  body: Buffer;
}

export type Outcome = ApiAnswer | Failure;

export interface Http {
  /** How the server is reached: for messages. */
  readonly connection: Connection;
  /** Sends a request once. Never rejects. */
  send(request: ApiRequest, limitMs: number): Promise<Outcome>;
  /**
   * Gets a path whose answer is long, or has no end, and gives it to `reader` as it comes. Never rejects.
   *
   * @param silenceMs after which the connection is closed if nothing has come
   * @param signal closes the connection
   * @returns undefined if the server has ended an answer with status 200; any other answer whole
   */
  follow(path: string, reader: Reader, silenceMs: number, signal: AbortSignal): Promise<Outcome | undefined>;
}

/** Takes an answer with status 200. Both may throw a Fault, which closes the connection and becomes the failure. */
export interface Reader {
  /** Is called when the server has begun to answer. */
  opened?(): void;
  /** Is called with each piece of the body, cut anywhere but in a character. */
  read(piece: string): void;
}

/** Kubernetes has no object above 1.5 MB (etcd's limit for a request). */
const MAX_BODY_BYTES = 8 << 20;
/** After this time the kernel asks a silent peer whether it is there, and then 10 times, once a second. */
const KEEP_ALIVE_MS = 30_000;
/** A further connection pays if this many requests would wait for each: it costs as much as a few of them. */
const REQUESTS_A_CONNECTION = 4;
const MAX_CONNECTIONS = 4;

/**
 * Opens the way to a server, and begins to connect.
 *
 * @param env may name a proxy
 * @throws Fault with code 7 if a certificate, the key or the proxy cannot be used
 */
export async function openHttp(connection: Connection, env: NodeJS.ProcessEnv): Promise<Http> {
  const proxy = proxyUrl(connection, env);
  const isSocks = proxy?.protocol.startsWith("socks") ?? false;
  const options = {
    keepAlive: true,
    keepAliveMsecs: KEEP_ALIVE_MS,
    ...(proxy && !isSocks ? { proxyEnv: { HTTP_PROXY: proxy.href, HTTPS_PROXY: proxy.href } } : {}),
  };
  if (connection.server.protocol === "http:") {
    const client = process.getBuiltinModule("node:http");
    const agent = new client.Agent(options);
    if (proxy && isSocks) connectBySocks(agent, proxy, (_, socket) => socket);
    return new NodeHttp(connection, client, agent);
  }
  const tls = process.getBuiltinModule("node:tls");
  const secure = secureOptions(connection, tls);
  const early = proxy ? undefined : connectEarly(connection, tls, secure);
  await new Promise(setImmediate);
  const client = process.getBuiltinModule("node:https");
  const agent = new client.Agent({ ...options, ...secure });
  const connectLater = agent.createConnection.bind(agent);
  if (proxy && isSocks)
    connectBySocks(agent, proxy, (given, socket) => connectLater(Object.assign({}, given, { socket })));
  else agent.createConnection = (...args) => early?.() ?? connectLater(...args);
  return new NodeHttp(connection, client, agent);
}

/** @param wrap makes a request's connection of one through the proxy */
function connectBySocks(
  agent: http.Agent,
  proxy: URL,
  wrap: (options: http.ClientRequestArgs, socket: Socket) => Duplex | null | undefined,
): void {
  agent.createConnection = (options, done) => {
    lazy("socks")
      .connectThrough(proxy, options.host ?? "", Number(options.port))
      .then((socket) => done?.(null, wrap(options, socket) as Duplex))
      .catch((error: Error) => done?.(error, undefined as unknown as Duplex));
    return undefined;
  };
}

class NodeHttp implements Http {
  private pending = 0;

  constructor(
    readonly connection: Connection,
    private readonly client: typeof http | typeof https,
    private readonly agent: http.Agent,
  ) {}

  async send(request: ApiRequest, limitMs: number): Promise<Outcome> {
    this.pending++;
    this.agent.maxSockets = Math.min(Math.ceil(this.pending / REQUESTS_A_CONNECTION), MAX_CONNECTIONS);
    let sent: http.ClientRequest | undefined;
    try {
      return await new Promise<ApiAnswer>((resolve, reject) => {
        sent = this.client.request(this.options(request), (response) => receive(response, resolve, reject));
        sent.on("error", reject);
        const stop = limitTime(limitMs, () =>
          sent?.destroy(new Timeout(`no answer within ${seconds(limitMs)}`)),
        );
        sent.on("close", stop);
        sent.end(request.body);
      });
    } catch (error) {
      const { fault, kind } = failureOf(error as Error, this.connection);
      const isStale = kind === "unknown" && !(error instanceof Timeout) && sent?.reusedSocket === true;
      return { fault, kind: isStale ? "stale" : kind };
    } finally {
      this.pending--;
    }
  }

  async follow(
    path: string,
    reader: Reader,
    silenceMs: number,
    signal: AbortSignal,
  ): Promise<Outcome | undefined> {
    try {
      return await new Promise<ApiAnswer | undefined>((resolve, reject) => {
        const options = { ...this.options({ method: "GET", path }), signal };
        const sent = this.client.request(options, (response) => {
          if (response.statusCode === 200) receivePieces(response, reader, () => resolve(undefined), reject);
          else receive(response, resolve, reject);
        });
        sent.setSocketKeepAlive(true, KEEP_ALIVE_MS);
        sent.setTimeout(silenceMs, () =>
          sent.destroy(new Timeout(`nothing came within ${seconds(silenceMs)}`)),
        );
        sent.on("error", reject);
        sent.end();
      });
    } catch (error) {
      return failureOf(error as Error, this.connection);
    }
  }

  private options({ method, path, type, body }: ApiRequest): https.RequestOptions {
    const { server, headers, authorization } = this.connection;
    const credentials = authorization();
    return {
      agent: this.agent,
      method,
      hostname: hostOf(server),
      port: server.port,
      path: pathUnder(this.connection, path),
      headers: {
        Accept: "application/json",
        "User-Agent": "plexus",
        ...headers,
        ...(credentials === undefined ? {} : { Authorization: credentials }),
        ...(body === undefined ? {} : { "Content-Type": type, "Content-Length": Buffer.byteLength(body) }),
      },
    };
  }
}

function proxyUrl(connection: Connection, env: NodeJS.ProcessEnv): URL | undefined {
  const proxy = proxyOf(connection, env);
  if (proxy === undefined) return undefined;
  const url = /^(https?|socks5h?):\/\/[^/]/i.test(proxy) ? URL.parse(proxy) : null;
  if (url) return url;
  const from = connection.proxy ? `the proxy-url of ${connection.source}` : "the proxy in the environment";
  throw new Fault(
    Code.invalidNetworkConfig,
    `${from}, ${JSON.stringify(proxy)}, is not a URL of a proxy; write one like http://192.0.2.1:3128 or ` +
      "socks5://192.0.2.1:1080",
  );
}

/**
 * Calls `late` after `limitMs`; not if an answer has waited in the kernel while this process executed a delegate:
 * timers have their turn before sockets are read.
 *
 * @returns a function that stops the timer
 */
function limitTime(limitMs: number, late: () => void): () => void {
  const { now } = systemClock;
  let timer: NodeJS.Timeout;
  const start = (ms: number) => {
    const due = now() + ms;
    timer = setTimeout(() => (now() - due < 50 ? late() : start(250)), ms);
  };
  start(limitMs);
  return () => clearTimeout(timer);
}

function receive(
  response: http.IncomingMessage,
  resolve: (answer: ApiAnswer) => void,
  reject: (error: Error) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  response.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_BODY_BYTES) response.destroy(tooLarge("the answer"));
  });
  response.on("error", reject);
  response.on("end", () => resolve(answerOf(response, Buffer.concat(chunks))));
}

function receivePieces(
  response: http.IncomingMessage,
  reader: Reader,
  end: () => void,
  reject: (error: Error) => void,
): void {
  const guarded = (work: () => void) => {
    try {
      work();
    } catch (error) {
      response.destroy(error as Error);
    }
  };
  response.setEncoding("utf8");
  response.on("error", reject);
  response.on("end", end);
  guarded(() => reader.opened?.());
  response.on("data", (piece: string) => guarded(() => reader.read(piece)));
}

function answerOf({ statusCode = 0, headers }: http.IncomingMessage, body: Buffer): ApiAnswer {
  return {
    status: statusCode,
    contentType: headers["content-type"] ?? "",
    location: headers.location ?? "",
    retryAfterMs: retryAfterMs(headers["retry-after"] ?? ""),
    date: headers.date,
    body,
  };
}

/** Reads a Retry-After header: seconds, or a date. Source: RFC 9110, section 10.2.3. */
function retryAfterMs(header: string): number {
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return ms > 0 ? ms : 0; // NaN if it is neither
}

function tooLarge(what: string): MalformedAnswer {
  return new MalformedAnswer(
    `${what} is larger than ${MAX_BODY_BYTES >> 20} MiB; see that an API server answers there`,
  );
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
