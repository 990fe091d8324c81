// The socket of Multus's daemon, for clients of `/delegate`: HTTP, for root only. Whatever comes is bounded: connections, bodies,
// and how long a request may take to come in; how long it may take to be done bounds delegating.ts.
// Source: multus-cni, pkg/server/server.go.
import * as fs from "node:fs";
import type { IncomingMessage, Server } from "node:http";
import { dirname } from "node:path";
import type { Clock } from "../clock.ts";
import { Fault } from "../fault.ts";
import { machineDisk, makeDirectories } from "../host/disk.ts";
import type { Answered } from "./delegating.ts";
import { answers, inodeOf, listenForRoot } from "./socket.ts";

const MOST_CONNECTIONS = 16;
/** A NetworkAttachmentDefinition has 1.5 MiB at most, and most have a kilobyte. */
const LARGEST_BODY = 2 << 20;
const SLOWEST_MS = 5000;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
/** How often to look whether the socket is still this process's. */
const LOOK_EVERY_MS = 1000;

export interface MultusOptions {
  path: string;
  clock: Clock;
  delegating: { readonly isReady: boolean; answer(body: Uint8Array, gone: AbortSignal): Promise<Answered> };
  warn(message: string): void;
}

export class MultusSocket {
  private readonly options: MultusOptions;
  private readonly server: Server;
  private readonly end = new AbortController();
  private inode: bigint | undefined;

  constructor(options: MultusOptions) {
    this.options = options;
    const { createServer } = process.getBuiltinModule("node:http");
    const limits = {
      headersTimeout: SLOWEST_MS,
      requestTimeout: SLOWEST_MS,
      connectionsCheckingInterval: SLOWEST_MS / 5,
      maxHeaderSize: 16 << 10,
    };
    this.server = createServer(limits, (request, response) => {
      const gone = new AbortController();
      response.once("close", () => gone.abort());
      this.answer(request, gone.signal).then(({ status, text }) => {
        if (response.destroyed) return;
        const body = text === "" || text.endsWith("\n") ? text : `${text}\n`;
        const type = text.startsWith("{") || text === "" ? "application/json" : "text/plain";
        response.writeHead(status, {
          "Content-Type": type,
          "Content-Length": Buffer.byteLength(body),
          Connection: "close",
        });
        response.end(body, () => request.destroy());
      });
    });
    this.server.maxConnections = MOST_CONNECTIONS;
    this.server.on("clientError", (_, socket) => socket.destroy());
    this.server.on("error", ({ message }) => {
      if (this.inode !== undefined) options.warn(`${options.path}: ${message}`); // else it is why it cannot listen
    });
  }

  /**
   * Serves until it is closed. While that cannot be, as Multus's daemon has the socket, or takes it, says so once and tries again.
   */
  async serve(): Promise<void> {
    const { clock, path, warn } = this.options;
    const { signal } = this.end;
    let said = "";
    for (let waitMs = FIRST_WAIT_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      try {
        await this.listen();
        if (said !== "") warn(`${path}: served from now on`);
        said = "";
        await this.lost();
        if (signal.aborted) return;
        warn(
          `${path}: somebody has replaced or removed it; it is served again when nobody else listens there`,
        );
        this.server.close();
        this.inode = undefined;
        waitMs = FIRST_WAIT_MS;
      } catch (error) {
        const { message } = Fault.of(error);
        if (message !== said) warn(`${path} cannot be served: ${message}; it is tried again`);
        said = message;
      }
      await clock.sleep(waitMs, signal).catch(() => undefined);
    }
  }

  close(): void {
    this.end.abort();
    if (this.hasSocket()) fs.rmSync(this.options.path, { force: true });
    this.server.close();
  }

  private hasSocket(): boolean {
    return this.inode !== undefined && inodeOf(this.options.path) === this.inode;
  }

  /** Resolves when the socket is not this process's any more, or it is closed. */
  private async lost(): Promise<void> {
    const { clock } = this.options;
    const { signal } = this.end;
    while (!signal.aborted && this.hasSocket())
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
  }

  private async listen(): Promise<void> {
    const { path } = this.options;
    await makeDirectories(machineDisk, dirname(path), 0o700);
    const { mode, uid } = fs.statSync(dirname(path));
    if (uid !== process.geteuid?.() || (mode & 0o022) !== 0)
      throw new Error(
        `${dirname(path)} must belong to root, and nobody else may write to it; chmod it to 0700`,
      );
    if (await answers(path))
      throw new Error("another process listens there, such as Multus's daemon; end that one");
    if (this.end.signal.aborted) return;
    this.inode = await listenForRoot(this.server, path);
    if (this.end.signal.aborted) this.close(); // it was, meanwhile
  }

  private async answer(request: IncomingMessage, gone: AbortSignal): Promise<Answered> {
    const { delegating } = this.options;
    const { method = "", url = "" } = request;
    const [path = ""] = url.split("?");
    const isProbe = path === "/healthz" || path === "/readyz";
    if (!isProbe && path !== "/delegate")
      return no(404, "there is /delegate, /healthz and /readyz: the runtime's own calls go by plexus-shim");
    if (method !== "POST" && !(isProbe && method === "GET")) return no(405, `${method} is not answered here`);
    if (path === "/healthz") return { status: 200, text: "" };
    if (path === "/readyz") {
      if (this.end.signal.aborted) return no(500, "this process ends");
      return delegating.isReady
        ? { status: 200, text: "" }
        : no(500, "there is no executor on this node; see that plexus-shim --serve runs");
    }
    const body = await bodyOf(request);
    if (body === undefined)
      return no(413, `the body is larger than ${LARGEST_BODY} bytes, or is not complete`);
    return delegating.answer(body, gone);
  }
}

function no(status: number, why: string): Answered {
  return { status, text: `${why}\n` };
}

/** Undefined if it is too long, or breaks off. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  if (Number(request.headers["content-length"] ?? 0) > LARGEST_BODY) return undefined;
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of request) {
      length += (piece as Buffer).length;
      if (length > LARGEST_BODY) return undefined;
      pieces.push(piece as Buffer);
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(pieces);
}
