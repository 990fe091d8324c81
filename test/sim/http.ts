// Requests of a process to the API server in memory: each takes its time, and can meet an outage.
import type { Connection } from "../../launcher/cluster/connection.ts";
import type { Failure } from "../../launcher/cluster/failure.ts";
import type { Http, Outcome, Reader } from "../../launcher/cluster/http.ts";
import type { ApiAccess } from "../../launcher/cluster/transport.ts";
import { Code, Fault } from "../../launcher/fault.ts";
import {
  type ApiServer,
  type Collection,
  type Request,
  type Response,
  status,
  text,
  type Watcher,
} from "./apiserver.ts";
import type { Outage } from "./outage.ts";
import type { Process } from "./process.ts";

const WAY_MS = 3;
const SLOW_MS = 12_000;

export const CONNECTION: Connection = {
  source: "the kubeconfig",
  server: new URL("https://server"),
  ca: undefined,
  clientCertificate: undefined,
  insecure: false,
  serverName: undefined,
  proxy: undefined,
  headers: {},
  authorization: () => undefined,
};

/** The network between the node and the API server. */
export class Internet {
  /** What the requests that arrive now meet. */
  outage: Outage | undefined;
  /** And so many of them; then all is well. */
  times = Number.POSITIVE_INFINITY;

  constructor(readonly server: ApiServer) {}

  /** A process's access to the API server. */
  accessOf(process: Process): ApiAccess {
    const { random } = process.ground;
    const http: Http = {
      connection: CONNECTION,
      send: (request, limitMs) => this.send(process, request, limitMs),
      follow: (path, reader, silenceMs, signal) =>
        path.includes("watch=1")
          ? this.follow(process, path, { reader, silenceMs, signal })
          : this.list(process, path, reader, silenceMs),
    };
    return { open: async () => http, clock: process.clock, random: () => random.next() / 2 ** 32 };
  }

  private async send(process: Process, request: Request, limitMs: number): Promise<Outcome> {
    const what = `${request.method} ${request.path}`;
    const outage = await process.step(what, WAY_MS, () => this.take());
    if (outage === "down") return failed("unsent", "nothing listens there");
    if (outage === "silent" || (outage === "slow" && limitMs < SLOW_MS)) {
      await process.clock.sleep(limitMs);
      return failed("unknown", `no answer within ${limitMs} ms`);
    }
    if (outage === "slow") await process.clock.sleep(SLOW_MS);
    const refused = outage === undefined ? undefined : refusals[outage];
    const { body, ...response } = await process.step(
      `${what} is handled`,
      WAY_MS,
      () => refused ?? this.server.handle(request),
    );
    if (outage === "broken off") return failed("unknown", "the connection was closed");
    return { ...response, location: "", body: Buffer.from(body) };
  }

  private async list(process: Process, path: string, reader: Reader, limitMs: number) {
    const outcome = await this.send(process, { method: "GET", path }, limitMs);
    if ("fault" in outcome || outcome.status !== 200) return outcome;
    try {
      reader.read(outcome.body.toString());
      return undefined;
    } catch (error) {
      return { fault: Fault.of(error), kind: "permanent" } as const;
    }
  }

  private async follow(
    process: Process,
    path: string,
    { reader, silenceMs, signal }: { reader: Reader; silenceMs: number; signal: AbortSignal },
  ): Promise<Outcome | undefined> {
    const outage = await process.step(`watch ${path}`, WAY_MS, () => this.take());
    if (outage === "down") return failed("unsent", "nothing listens there");
    const { timeline } = process.ground;
    return new Promise((resolve) => {
      const collection: Collection = path.includes("/pods") ? "pods" : "network-attachment-definitions";
      let silence = timeline.after(silenceMs, () => watcher.end(true));
      const end = (outcome: Outcome | undefined) => {
        silence.cancel();
        this.server.unwatch(watcher);
        if (process.alive) resolve(outcome);
      };
      // Lines of one connection come in the order in which they were sent, however long each takes.
      const sent: string[] = [];
      const watcher: Watcher = {
        collection,
        line: (given) => {
          sent.push(given);
          void process.step("is told by a watch", WAY_MS, () => {
            const line = sent.shift() ?? "";
            process.trace(`watch: ${line.slice(0, 80)}`);
            silence.cancel();
            silence = timeline.after(silenceMs, () => watcher.end(true));
            try {
              reader.read(`${line}\n`);
            } catch (error) {
              end({ fault: Fault.of(error), kind: "permanent" });
            }
          });
        },
        end: (isBroken) => end(isBroken ? failed("unknown", "the connection was closed") : undefined),
      };
      signal.addEventListener("abort", () => end(failed("unknown", "aborted")));
      process.onEnd(() => end(undefined));
      const refused = outage === undefined ? undefined : refusals[outage];
      const answer = refused ?? this.server.watch(path, watcher);
      if (answer) end({ ...answer, location: "", body: Buffer.from(answer.body) });
      else reader.opened?.();
    });
  }

  private take(): Outage | undefined {
    const { outage } = this;
    if (outage !== undefined && --this.times <= 0) this.outage = undefined;
    return outage;
  }
}

/** What is answered without the request being carried out. */
const refusals: Partial<Record<Outage, Response>> = {
  "not JSON": { ...text(200, "<html>welcome</html>"), contentType: "text/html" },
  "401": status(401, "Unauthorized", "Unauthorized"),
  "403": status(403, "Forbidden", "plexus cannot get this"),
  "404": text(404, "404 page not found\n"),
  "409": status(409, "Conflict", "the object has been modified"),
  "410": status(410, "Expired", "too old resource version"),
  "429": status(429, "TooManyRequests", "rate limited"),
  "500": status(500, "InternalError", "etcdserver: request timed out"),
  "502": { ...text(502, "<html>Bad Gateway</html>"), contentType: "text/html" },
  "503": status(503, "ServiceUnavailable", "apiserver is shutting down"),
};

function failed(kind: Failure["kind"], message: string): Failure {
  return { fault: new Fault(Code.tryAgainLater, message), kind };
}
