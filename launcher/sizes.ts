// How large files may be that are read as a whole. No Node APIs: the page has it too.

/** The largest file that is read as a whole, in bytes: a conf, a scratch file, a checkpoint. */
export const MAX_FILE = 8 << 20;
/**
 * The largest one of the state, which an older version, Multus or a hand may have made. What ADD writes is far below that:
 * MAX_PLAN_BYTES in assembly/state/readable.ts.
 */
export const MAX_STATE_FILE = 64 << 20;

const encoder = new TextEncoder();

/** Returns how many bytes a text has in a file. */
export function bytesOf(text: string): number {
  return encoder.encode(text).length;
}
