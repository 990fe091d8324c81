// An API server that can be told to misbehave: what a real one does only when it is ill. Where nothing is said, it
// answers like kube-apiserver from the objects it is given.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { ensurePackages } from "../../scripts/provide/debian.ts";

/** A request as it arrived. */
export interface Arrived {
  method: string;
  url: string;
  headers: http.IncomingHttpHeaders;
  body: string;
  /** The name that the client has asked for by SNI. */
  servername: string | undefined;
  /** Of the client's certificate. */
  commonName: string | undefined;
}

/** What is done with one request instead of answering it. */
export type Misbehaviour = (response: http.ServerResponse, socket: Socket) => void;

export class FakeApiserver {
  /** Path -> object. */
  readonly objects = new Map<string, object>();
  /** For the next requests, one each; then all is well again. */
  readonly next: Misbehaviour[] = [];
  /** Requests with these values of `Authorization` are refused. */
  readonly revoked = new Set<string>();
  readonly arrived: Arrived[] = [];
  /** How many connections there were. */
  connections = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: http.Server,
    private readonly scheme: string,
  ) {}

  /** @param tls absent for plain HTTP */
  static async start(tls?: https.ServerOptions, port = 0): Promise<FakeApiserver> {
    const server = tls
      ? https.createServer({ requestCert: true, rejectUnauthorized: false, ...tls })
      : http.createServer();
    const fake = new FakeApiserver(server, tls ? "https" : "http");
    server.on("request", (request, response) => fake.answer(request, response));
    server.on(tls ? "secureConnection" : "connection", () => fake.connections++);
    server.on("connection", (socket) => {
      fake.sockets.add(socket);
      socket.on("close", () => fake.sockets.delete(socket));
      socket.on("error", () => {});
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return fake;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.scheme}://127.0.0.1:${this.port}`;
  }

  /** Closes the idle connections, as a server does after some minutes. */
  hangUp(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.hangUp();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const socket = request.socket as TLSSocket & { servername?: string | false };
      const commonName = socket.getPeerCertificate?.()?.subject?.CN as string | undefined;
      const servername = socket.servername || undefined;
      const body = Buffer.concat(chunks).toString();
      this.arrived.push({ method, url, headers, body, servername, commonName });
      const isRevoked = this.revoked.has(headers.authorization ?? "");
      const misbehave = isRevoked ? status(401, { reason: "Unauthorized" }) : this.next.shift();
      if (misbehave) return misbehave(response, request.socket);
      this.carryOut(method, url, body, response);
    });
  }

  private carryOut(method: string, url: string, body: string, response: http.ServerResponse): void {
    const object = this.objects.get(url.replace(/\/status$/, ""));
    const name = url.split("/").at(-1);
    if (method === "POST") say(201, JSON.parse(body))(response);
    else if (object) say(200, object)(response);
    else status(404, { reason: "NotFound", message: `"${name}" not found`, details: { name } })(response);
  }
}

/** Answers with an object. */
export function say(code: number, body: object, headers: http.OutgoingHttpHeaders = {}) {
  return (response: http.ServerResponse) => {
    response.writeHead(code, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  };
}

/** Answers with a Status, as Kubernetes says errors. */
export function status(code: number, members: object, headers: http.OutgoingHttpHeaders = {}) {
  return say(code, { kind: "Status", apiVersion: "v1", status: "Failure", code, ...members }, headers);
}

/** Answers with a text that is not JSON. */
export function text(code: number, body: string, headers: http.OutgoingHttpHeaders = {}) {
  return (response: http.ServerResponse) => {
    response.writeHead(code, headers);
    response.end(body);
  };
}

/** Sends half of what it promised, and closes the connection. */
export const halfAnswer: Misbehaviour = (response, socket) => {
  response.writeHead(200, { "Content-Length": 1000 });
  response.write('{"kind":', () => socket.destroy());
};

/** Closes the connection without a word. */
export const reset: Misbehaviour = (_, socket) => {
  socket.resetAndDestroy();
};

/** Never answers. */
export const hang: Misbehaviour = () => {};

/** A certificate with its key, as PEM. */
export interface Pair {
  cert: string;
  key: string;
}

/** A certificate authority of a test's own. */
export class Authority {
  private readonly dir = mkdtempSync(join(tmpdir(), "plexus-authority-"));
  readonly cert: string;

  /** @param name in its certificate */
  constructor(name: string) {
    ensurePackages(["openssl"]);
    const files = ["-keyout", this.path("ca.key"), "-out", this.path("ca.crt")];
    this.openssl("req", "-x509", ...NEW_KEY, ...files, "-subj", `/CN=${name}`, "-days", "2");
    this.cert = readFileSync(this.path("ca.crt"), "utf8");
  }

  /** @param names for a server, as openssl writes them: `IP:127.0.0.1,DNS:localhost` */
  issue(commonName: string, names?: string, validity = ["-days", "2"]): Pair {
    const [key, request, cert, extensions] = ["key", "csr", "crt", "ext"].map((end) =>
      this.path(`issued.${end}`),
    );
    const subject = ["-keyout", `${key}`, "-out", `${request}`, "-subj", `/CN=${commonName}`];
    this.openssl("req", "-new", ...NEW_KEY, ...subject);
    writeFileSync(`${extensions}`, names ? `subjectAltName=${names}\n` : "extendedKeyUsage=clientAuth\n");
    const by = ["-CA", this.path("ca.crt"), "-CAkey", this.path("ca.key"), "-CAcreateserial", ...validity];
    this.openssl("x509", "-req", "-in", `${request}`, "-out", `${cert}`, "-extfile", `${extensions}`, ...by);
    return { cert: readFileSync(`${cert}`, "utf8"), key: readFileSync(`${key}`, "utf8") };
  }

  remove(): void {
    rmSync(this.dir, { recursive: true });
  }

  private path(name: string): string {
    return join(this.dir, name);
  }

  private openssl(...args: string[]): void {
    execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
  }
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
