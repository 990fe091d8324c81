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
import { answers, inodeOf } from "./socket.ts";

const MOST_CONNECTIONS = 16;
/** A NetworkAttachmentDefinition has 1.5 MiB at most, and most have a kilobyte. */
const LARGEST_BODY = 2 << 20;
const SLOWEST_MS = 5000;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

export interface MultusOptions {
  path: string;
  clock: Clock;
  delegating: { readonly isReady: boolean; answer(body: Uint8Array): Promise<Answered> };
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
      this.answer(request).then(({ status, text }) => {
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
  }

  /** Listens. While that cannot be, as Multus's daemon has the socket, says so and tries again, until it can or is closed. */
  async serve(): Promise<void> {
    const { clock, path, warn } = this.options;
    const { signal } = this.end;
    for (let waitMs = FIRST_WAIT_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      try {
        await this.listen();
        if (waitMs > FIRST_WAIT_MS) warn(`${path}: served from now on`);
        return;
      } catch (error) {
        warn(`${path} cannot be served: ${Fault.of(error).message}; tried again in ${waitMs / 1000} s`);
      }
      await clock.sleep(waitMs, signal).catch(() => undefined);
    }
  }

  close(): void {
    this.end.abort();
    const { path } = this.options;
    if (this.inode !== undefined && inodeOf(path) === this.inode) fs.unlinkSync(path);
    this.server.close();
  }

  /** Under another name first: so nobody connects before only root may. */
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
    const temporary = `${path}.${process.pid}`;
    fs.rmSync(temporary, { force: true });
    const before = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        this.server.once("error", reject);
        this.server.listen(temporary, () => {
          this.server.off("error", reject);
          resolve();
        });
      });
    } finally {
      process.umask(before);
    }
    this.server.on("error", ({ message }) => this.options.warn(`${path}: ${message}`));
    this.inode = inodeOf(temporary);
    fs.renameSync(temporary, path);
  }

  private async answer(request: IncomingMessage): Promise<Answered> {
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
    return delegating.answer(body);
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
