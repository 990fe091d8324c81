// A file of the state is read whole, however large an earlier version, Multus or a hand has made it; up to a limit.
import { type Host, TooLarge } from "../host/host.ts";

/** Bytes. What ADD writes is far below that: MAX_PLAN_BYTES in assembly/state/readable.ts. */
export const MAX_STATE_FILE = 64 << 20;
/** Stands for the text of a larger one: nothing can be learned from it, as from a torn one. */
export const TOO_LARGE = `it is larger than ${MAX_STATE_FILE} bytes`;

/** Reads a file; undefined if there is none, TOO_LARGE for one that is. */
export function readState(host: Pick<Host, "read">, path: string): Promise<string | undefined> {
  return host.read(path, MAX_STATE_FILE).catch((error: unknown) => {
    if (error instanceof TooLarge) return TOO_LARGE;
    throw error;
  });
}
