// Gives memory back when a resident process has nothing to do: V8 keeps what a burst of calls has used, for the next one.
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Less than this many bytes of garbage are not worth the milliseconds that finding them takes. */
const WORTH_IT = 2 << 20;

let collect: (() => void) | undefined;
let kept = 0;

/** Gives memory back that was used since the last time. */
export function giveBackMemory(): void {
  if (getHeapStatistics().used_heap_size - kept >= WORTH_IT) collectGarbage();
}

/** Gives all memory back that is garbage; that takes some milliseconds. */
export function collectGarbage(): void {
  collect ??= collector();
  collect();
  kept = getHeapStatistics().used_heap_size;
}

/** V8 shows its collector only to scripts that are compiled after this flag is set. */
function collector(): () => void {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as (options: object) => void;
  setFlagsFromString("--no-expose-gc");
  return () => gc({ type: "major", flavor: "last-resort" });
}
