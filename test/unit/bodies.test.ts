// Bodies that anybody may send to the webhook.
import type { IncomingMessage } from "node:http";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { Bodies } from "../../launcher/webhook/bodies.ts";

/** A request whose body comes in pieces. */
function fakeRequest(): PassThrough & IncomingMessage {
  return Object.assign(new PassThrough({ highWaterMark: 1 << 20 }), { headers: {} }) as never;
}

test("a body is what was sent, in however many pieces", async () => {
  const request = fakeRequest();
  const body = new Bodies().read(request);
  for (const piece of ["{", '"a":', "", "1", "}".padEnd(5000)]) request.write(piece);
  request.end();
  expect(`${await body}`).toBe('{"a":1}'.padEnd(5006));
});

test("a body that comes byte by byte takes no more memory than one in a piece", async () => {
  const request = fakeRequest();
  const body = new Bodies().read(request);
  const before = process.memoryUsage();
  // As the HTTP parser gives them: views of what came in.
  const slab = Buffer.alloc(1 << 16, 0x20);
  const count = 1_000_000;
  for (let at = 0; at < count; at++)
    request.emit("data", slab.subarray(at % slab.length, (at % slab.length) + 1));
  globalThis.gc?.();
  const after = process.memoryUsage();
  expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(64 << 20);
  request.end();
  expect(await body).toHaveLength(count);
});
