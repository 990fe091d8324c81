// The result cache: what CHECK and DEL are told of an attachment, in libcni's format.
import type { Attachment, Call } from "./call.ts";

export async function remember(
  { core, runtime, state }: Call,
  { delegate, result }: Attachment,
): Promise<void> {
  await state.writeCache(delegate.cacheFile, core.remember({ delegate, result, runtime }));
}
