// Bodies of requests, in bounded memory: one has a limit, and all together have one. Whoever reaches the port may send them.
import type { IncomingMessage } from "node:http";

/** An object and the one before it, of which the API server takes 1.5 MiB each, and what is around them. */
export const LARGEST_BODY = (3 << 20) + (64 << 10);
/** Of all that are not complete yet. */
const MOST_AT_ONCE = 16 << 20;

/** Why there is no body: an HTTP status. */
export type NoBody = 413 | 503 | 400;

export class Bodies {
  private total = 0;
  /** Those that come in at the moment, the one that began first in front. */
  private readonly open = new Set<{ size: number; giveUp(status: NoBody): void }>();

  /** Resolves with the body. One that has taken its time gives way to a new one, if there is no room for both. */
  read(request: IncomingMessage): Promise<Buffer | NoBody> {
    if (Number(request.headers["content-length"] ?? 0) > LARGEST_BODY) return Promise.resolve(413);
    return new Promise((resolve) => {
      let body = new Received();
      const one = { size: 0, giveUp: (status: NoBody) => end(status) };
      const end = (result: Buffer | NoBody) => {
        if (!this.open.delete(one)) return;
        this.total -= one.size;
        body = new Received();
        resolve(result);
      };
      this.open.add(one);
      request.on("data", (chunk: Buffer) => {
        if (!this.open.has(one)) return;
        body.add(chunk);
        one.size += chunk.length;
        this.total += chunk.length;
        if (one.size > LARGEST_BODY) end(413);
        else this.makeRoom();
      });
      request.on("end", () => end(body.bytes()));
      request.on("error", () => end(400));
      request.on("close", () => end(400));
    });
  }

  private makeRoom(): void {
    for (const one of this.open) {
      if (this.total <= MOST_AT_ONCE) return;
      one.giveUp(503);
    }
  }
}

/** Bytes in one piece. A client may send them one by one, and a list of pieces would take a hundred times as much. */
class Received {
  private all = Buffer.alloc(0);
  private length = 0;

  add(piece: Buffer): void {
    const length = this.length + piece.length;
    if (length > this.all.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.all.length));
      this.all.copy(larger, 0, 0, this.length);
      this.all = larger;
    }
    piece.copy(this.all, this.length);
    this.length = length;
  }

  bytes(): Buffer {
    return this.all.subarray(0, this.length);
  }
}
