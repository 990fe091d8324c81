// Memory and time are linear in the document, for the worst documents that we can think of. `npm run fuzz:growth` prints
// the table that docs/core.md has.
import { describe, expect, test } from "vitest";
import { boundOf, MIB } from "../support/bounds.ts";
import { runFresh } from "../support/wasm.ts";
import { documentOf, type Shape, shapes } from "./shapes.ts";

/** What an API server holds of one object, and so of a pod's annotations or a NetworkAttachmentDefinition. */
const API_SERVER_BYTES = 1.5 * MIB;
const SMALL_BYTES = 48_000;
const LARGE_BYTES = 16 * SMALL_BYTES;
/** A quadratic one takes 256 times the time for 16 times the bytes; engines and busy machines make a linear one take up to 64. */
const TIMES_LINEAR = 4;
/** What an engine takes for an operation that it has not compiled yet. */
const START_MS = 5;

describe.each(shapes)("$operation: $name", (shape) => {
  test("16 times the document takes at most about 16 times the memory and time", () => {
    const small = measure(shape, SMALL_BYTES);
    const large = measure(shape, LARGE_BYTES);
    for (const { size, bytes } of [small, large]) expect(bytes).toBeLessThanOrEqual(boundOf(size));
    const factor = large.size / small.size;
    expect(large.ms).toBeLessThan((small.ms + START_MS) * factor * TIMES_LINEAR);
  });

  test("what an API server can hold takes at most 64 MiB, and 16 MiB take at most 256", () => {
    for (const [size, limit] of [
      [API_SERVER_BYTES, 64 * MIB],
      [16 * MIB, 256 * MIB],
    ] as const) {
      const document = documentOf(shape, size);
      expect(document.length).toBeLessThanOrEqual(size);
      expect(runFresh(shape.operation, document).bytes).toBeLessThanOrEqual(limit);
    }
  });
});

/** Of three runs the quickest: others share the machine. */
function measure(shape: Shape, bytes: number): { size: number; bytes: number; ms: number } {
  const document = documentOf(shape, bytes);
  const runs = [1, 2, 3].map(() => runFresh(shape.operation, document));
  return {
    size: document.length,
    bytes: Math.max(...runs.map((run) => run.bytes)),
    ms: Math.min(...runs.map((run) => run.ms)),
  };
}
