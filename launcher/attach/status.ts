// STATUS: could a container be added now?
//
// It asks each time, plugins' STATUS included, as the CNI spec has it. But runtimes send it every few seconds, and hold a
// lock meanwhile: so what may take long, the API server and the plugins, may be answered by what it was a moment ago.
// Source: CNI spec 1.1.0, section 2 "STATUS".
import type { Cluster } from "../cluster/cluster.ts";
import { Code, Fault } from "../fault.ts";
import type { Call } from "./call.ts";
import { clusterNetwork } from "./conf.ts";
import { requireAbsolute } from "./directories.ts";
import { requirePlugins, statusDelegate } from "./execute.ts";
import { hasty } from "./hasty.ts";
import { requireReady } from "./readiness.ts";

/** An API server that takes longer counts as one that does not answer. */
const QUICK_MS = 2000;

/** Throws with code 50 or 51, or with the error of the default network's own plugins. */
export async function status(call: Call): Promise<void> {
  requireAbsolute(call);
  await requireReady(call);
  const delegate = await defaultDelegate(call);
  await requirePlugins(call, [delegate], Code.pluginNotAvailable);
  if (!delegate.verbs.includes("STATUS")) return;
  const question = JSON.stringify(["STATUS", delegate, call.pluginDirs]);
  await call.recently(question, () => statusDelegate(call, delegate));
}

async function defaultDelegate(call: Call) {
  try {
    const networks = [await clusterNetwork(withRecentNads(call))];
    const [delegate] = call.core.plan({ runtime: call.runtime, networks }).delegates;
    if (delegate) return delegate;
    throw new Fault(Code.internal, "the default network has no delegate");
  } catch (error) {
    throw new Fault(Code.pluginNotAvailable, `cannot attach the default network: ${Fault.of(error).message}`);
  }
}

function withRecentNads(call: Call): Call {
  const { cluster, ...rest } = hasty(call, QUICK_MS);
  if (!cluster) return { ...rest, cluster };
  const { kubeconfig } = call.settings;
  const nad: Cluster["nad"] = (namespace, name) =>
    call.recently(JSON.stringify(["NAD", kubeconfig, namespace, name]), () => cluster.nad(namespace, name));
  return { ...rest, cluster: { ...cluster, nad } };
}
