// The daemon's metrics and health, over HTTP. Source: Prometheus naming practices; Kubernetes' probes.
import { createServer, type RequestListener, type Server } from "node:http";
import type { Socket } from "node:net";
import { Registry } from "prom-client";
import { type Endpoint, listenPatiently, type Patience } from "./endpoint.ts";
import type { Observer } from "./observer.ts";
import { type Sources, seriesIn } from "./series.ts";

/** For more, the oldest gives way: so nobody who holds connections keeps out probes, or takes memory. */
const MOST_CONNECTIONS = 64;
/** A request that is not whole by then, or an answer that is not taken, ends its connection. */
const SLOWEST_MS = 5000;
/** What is served, and for how long. */
export interface Metrics extends Observer {
  close(): void;
}

/** Serves from when it can listen there: until then it notes what it is told. */
export function serveMetrics(
  endpoint: Endpoint,
  sources: Sources,
  patience: Omit<Patience, "signal">,
): Metrics {
  const register = new Registry();
  const noting = seriesIn(register, sources);
  const server = boundedServer(answering(register, sources));
  const closed = new AbortController();
  void listenPatiently(server, endpoint, { ...patience, signal: closed.signal });
  return {
    ...noting,
    close: () => {
      closed.abort();
      server.close();
    },
  };
}

function answering(register: Registry, sources: Sources): RequestListener {
  return (request, response) => {
    const say = (status: number, text: string) => response.writeHead(status).end(`${text}\n`);
    if (["/healthz", "/readyz"].includes(request.url ?? "") && !sources.isAlive())
      say(503, "the core does not answer");
    else if (request.url === "/healthz") say(200, "ok");
    else if (request.url === "/readyz")
      void sources.problem().then((problem) => say(problem === undefined ? 200 : 503, problem ?? "ok"));
    else if (request.url === "/metrics") {
      register.metrics().then(
        (text) => response.writeHead(200, { "Content-Type": register.contentType }).end(text),
        (error: unknown) => say(500, String(error)),
      );
    } else say(404, "there is /metrics, /healthz and /readyz");
  };
}

/** Anybody who reaches the node's address reaches this: it takes few connections, and none for long. */
function boundedServer(listener: RequestListener): Server {
  const options = {
    headersTimeout: SLOWEST_MS,
    requestTimeout: SLOWEST_MS,
    connectionsCheckingInterval: SLOWEST_MS / 5,
  };
  const server = createServer(options, listener);
  server.timeout = SLOWEST_MS;
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    const [oldest] = open;
    if (open.size > MOST_CONNECTIONS) oldest?.destroy();
  });
  return server;
}
