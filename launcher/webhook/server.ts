// The HTTPS server. Anybody who reaches its port may speak to it, so everything is bounded: connections, headers, bodies, how
// long each may take. What cannot be served is answered with an error, and the API server goes on without us.
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { systemClock } from "../clock.ts";
import type { TimeLimit } from "../cluster/cluster.ts";
import { Code, Fault } from "../fault.ts";
import type { Endpoint } from "../resident/endpoint.ts";
import { Bodies, LARGEST_BODY } from "./bodies.ts";
import { type AdmissionRequest, readReview } from "./request.ts";
import type { Pair } from "./x509.lazy.ts";

/** API servers keep some connections each. For more, one gives way: see `leastWorthy`. */
const MOST_CONNECTIONS = 256;
/** A request that is not whole by then ends its connection. */
const SLOWEST_MS = 5000;
/** Longer than the API servers' own pauses, which are some 90 s. */
const KEPT_MS = 120_000;
/** The configurations have 2 s; what takes longer is of use to nobody. */
const REVIEW_MS = 1800;
/** How long new requests still come, after the cluster was told that this one ends. */
const LEAVING_MS = 5000;
/** For what runs then. */
const LAST_MS = 3000;

export interface Answered {
  text: string;
  status?: number;
  type?: string;
}

export interface Routes {
  /** Path -> what answers an AdmissionReview there. */
  reviews: ReadonlyMap<string, (request: AdmissionRequest, limit: TimeLimit) => Promise<string>>;
  /** Path -> what answers a GET there. */
  pages: ReadonlyMap<string, () => Promise<Answered>>;
  /** Takes what goes wrong, by the HTTP status. */
  failed(status: number, why: string): void;
}

/** What a connection has shown of itself. */
export enum Worth {
  /** TLS is not there yet. */
  Silent,
  Idle,
  /** It has asked about an object, as API servers do. */
  Reviewer,
}

export interface Client {
  socket: Socket;
  address: string;
  worth: Worth;
  /** Those that are being answered. */
  reviews: number;
}

/**
 * Returns the connection that gives way to others; undefined if each is being answered. Nobody proves to be an API server, but
 * who has more than half of all connections is crowding out the rest, and gives way first; else those that have asked nothing
 * do, before those that have asked about objects. Of equals the oldest.
 *
 * @param clients the oldest first
 */
export function leastWorthy<One extends Omit<Client, "socket">>(clients: readonly One[]): One | undefined {
  const counts = new Map<string, number>();
  for (const { address } of clients) counts.set(address, (counts.get(address) ?? 0) + 1);
  const isCrowd = ({ address }: One) => (counts.get(address) ?? 0) > clients.length / 2;
  const crowd = clients.filter(isCrowd);
  for (const some of [crowd, clients]) {
    const free = some.filter(({ reviews }) => reviews === 0);
    const least = Math.min(...free.map(({ worth }) => worth));
    const found = free.find(({ worth }) => worth === least);
    if (found) return found;
  }
  return undefined;
}

export class WebhookServer {
  private readonly server: Server;
  private readonly bodies = new Bodies();
  /** By the client's address and port, which a connection and TLS on it have in common. */
  private readonly open = new Map<string, Client>();
  private isLeaving = false;

  constructor(
    pair: Pair,
    private readonly routes: Routes,
  ) {
    const options = {
      ...pair,
      minVersion: "TLSv1.2" as const,
      handshakeTimeout: SLOWEST_MS,
      headersTimeout: SLOWEST_MS,
      requestTimeout: SLOWEST_MS,
      connectionsCheckingInterval: SLOWEST_MS / 5,
      keepAliveTimeout: KEPT_MS,
      maxHeaderSize: 16 << 10,
    };
    this.server = createServer(options, (request, response) => void this.answer(request, response));
    this.server.on("connection", (socket: Socket) => this.connected(socket));
    this.server.on("secureConnection", (socket: Socket) => this.isWorth(socket, Worth.Idle));
    this.server.on("tlsClientError", () => undefined);
    this.server.on("clientError", (_, socket) => socket.destroy());
  }

  get connections(): number {
    return this.open.size;
  }

  /** Resolves with the port when it listens. Rejects if it cannot. */
  listen({ host, port }: Endpoint): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen({ port, ...(host === "" ? {} : { host }) }, () => {
        this.server.off("error", reject);
        this.server.on("error", ({ message }) => this.routes.failed(0, message)); // it cannot accept one
        resolve((this.server.address() as AddressInfo).port);
      });
    });
  }

  /** Connections that are made from now on get this certificate. Throws if it cannot be used. */
  replace(pair: Pair): void {
    this.server.setSecureContext({ ...pair, minVersion: "TLSv1.2" });
  }

  /** Serves on for a while, as the cluster learns only then that it ends; then ends when what runs has ended. */
  async leave(): Promise<void> {
    this.isLeaving = true; // each answer ends its connection, so that its client goes elsewhere
    await systemClock.sleep(LEAVING_MS);
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeIdleConnections();
    await Promise.race([closed, systemClock.sleep(LAST_MS)]);
    this.server.closeAllConnections();
  }

  private connected(socket: Socket): void {
    const key = clientOf(socket);
    this.open.set(key, { socket, address: `${socket.remoteAddress}`, worth: Worth.Silent, reviews: 0 });
    socket.once("close", () => this.open.delete(key));
    if (this.open.size <= MOST_CONNECTIONS) return;
    leastWorthy([...this.open.values()])?.socket.destroy();
  }

  private isWorth(socket: Socket, worth: Worth): Client | undefined {
    const client = this.open.get(clientOf(socket));
    if (client && client.worth < worth) client.worth = worth;
    return client;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const {
      text,
      status = 200,
      type = "text/plain",
    } = await this.answerTo(request, response).catch((error: unknown): Answered => {
      const { code, message } = Fault.of(error);
      const isTheirs = code === Code.decodeFailure || code === Code.invalidNetworkConfig;
      return { status: isTheirs ? 400 : 500, text: `${message}\n` };
    });
    if (status !== 200) this.routes.failed(status, text.trim());
    if (response.destroyed) return;
    const isOver = this.isLeaving || !request.complete;
    response.writeHead(status, {
      "Content-Type": type,
      "Content-Length": Buffer.byteLength(text),
      ...(isOver ? { Connection: "close" } : {}),
    });
    response.end(text);
    if (!request.complete) response.once("finish", () => request.destroy());
  }

  private async answerTo(request: IncomingMessage, response: ServerResponse): Promise<Answered> {
    const [path = ""] = (request.url ?? "").split("?");
    const page = this.routes.pages.get(path);
    if (page) return request.method === "GET" ? page() : no(405, "only GET is answered here");
    const review = this.routes.reviews.get(path);
    if (!review)
      return no(404, `there is ${[...this.routes.reviews.keys(), ...this.routes.pages.keys()].join(", ")}`);
    if (request.method !== "POST") return no(405, "only POST is answered here");
    if (!/^application\/json *(;|$)/i.test(request.headers["content-type"] ?? ""))
      return no(415, "the Content-Type is not application/json; send an AdmissionReview as JSON");
    const began = systemClock.now();
    const body = await this.bodies.read(request);
    if (body === 413) return no(413, `the body is larger than ${LARGEST_BODY} bytes`);
    if (body === 503) return no(503, "there are too many large bodies at once");
    if (body === 400) return no(400, "the body is not complete");
    const deadlineMs = began + REVIEW_MS;
    if (response.destroyed || systemClock.now() > deadlineMs)
      return no(503, "nobody waits for the answer any more");
    const asked = readReview(body.toString());
    const client = this.isWorth(request.socket, Worth.Reviewer);
    if (client) client.reviews++;
    try {
      return { text: await review(asked, { deadlineMs }), type: "application/json" };
    } finally {
      if (client) client.reviews--;
    }
  }
}

function clientOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function no(status: number, why: string): Answered {
  return { status, text: `${why}\n` };
}
