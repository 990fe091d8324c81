// The result cache: what CHECK and DEL are told of an attachment, in libcni's format.
import { MAX_INPUT_BYTES, type RouteChange } from "../../packages/core/index.ts";
import { Code, Fault } from "../fault.ts";
import { bytesOf } from "../sizes.ts";
import type { Attachment, Call } from "./call.ts";
import type { Trouble } from "./undeletable.ts";

/**
 * Bytes that the results of a container may have together, as strings in JSON. A document of the core has them beside what
 * assembly/state/readable.ts bounds, some twice; an orphan's file has one beside its delegate.
 */
export const MAX_RESULTS_BYTES = MAX_INPUT_BYTES / 8;

/** Throws if a result is too large to be kept beside others of its container. */
export function requireRoom(result: string, others: readonly { result?: string | undefined }[]): void {
  const all = [result, ...others.flatMap((one) => one.result ?? [])];
  const bytes = all.reduce((sum, one) => sum + bytesOf(JSON.stringify(one)), 0);
  if (bytes <= MAX_RESULTS_BYTES) return;
  throw new Fault(
    Code.invalidNetworkConfig,
    `its result has ${bytesOf(result)} bytes, and with those of the container's other networks there are ${bytes}, of ` +
      `which at most ${MAX_RESULTS_BYTES} are kept; have its plugin print less, or ask for fewer networks`,
    undefined,
    "no answer" satisfies Trouble, // it may have attached
  );
}

export async function remember(
  { core, runtime, state }: Call,
  { delegate, result }: Attachment,
): Promise<void> {
  await state.writeCache(delegate.cacheFile, core.remember({ delegate, result, runtime }));
}

/** Remembers the results whose routes have changed. Returns all attachments with the results that are true now. */
export async function rememberRoutes(
  call: Call,
  attachments: readonly Attachment[],
  routes: readonly RouteChange[],
): Promise<Attachment[]> {
  const results = new Map(routes.map(({ attachment, result }) => [attachment, result]));
  const current = attachments.map((one, index) => ({ ...one, result: results.get(index) ?? one.result }));
  await Promise.all(routes.map(({ attachment }) => remember(call, current[attachment] as Attachment)));
  return current;
}
