// STATUS: could a container be added now?
// Source: CNI spec 1.1.0, section 2 "STATUS".
import { Code, Fault } from "../fault.ts";
import type { Call } from "./call.ts";
import { clusterNetwork } from "./conf.ts";
import { requirePlugins, statusDelegate } from "./execute.ts";

import { requireReady } from "./readiness.ts";

/** Throws with code 50 or 51, or with the error of the default network's own plugins. */
export async function status(call: Call): Promise<void> {
  await requireReady(call);
  const delegate = await defaultDelegate(call);
  await requirePlugins(call, [delegate], Code.pluginNotAvailable);
  if (delegate.verbs.includes("STATUS")) await statusDelegate(call, delegate);
}

async function defaultDelegate(call: Call) {
  try {
    const networks = [await clusterNetwork(call)];
    const [delegate] = call.core.plan({ runtime: call.runtime, networks }).delegates;
    if (delegate) return delegate;
    throw new Fault(Code.internal, "the default network has no delegate");
  } catch (error) {
    throw new Fault(Code.pluginNotAvailable, `cannot attach the default network: ${Fault.of(error).message}`);
  }
}
