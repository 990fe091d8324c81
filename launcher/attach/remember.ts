// The result cache: what CHECK and DEL are told of an attachment, in libcni's format.
import type { RouteChange } from "../../packages/core/index.ts";
import type { Attachment, Call } from "./call.ts";

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
