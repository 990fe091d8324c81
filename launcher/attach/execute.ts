// One delegate, for one verb: its plugins executed in their order.
// Source: CNI spec 1.1.0, section 3 "Lifecycle & Ordering".
import { systemClock } from "../clock.ts";
import type { PluginCall } from "../cni/builtin.ts";
import { parametersOf } from "../cni/parameters.ts";
import type { Delegate, Invocation } from "../core/index.ts";
import { Code, Fault } from "../fault.ts";
import { sriov } from "../sriov/plugin.ts";
import type { Call } from "./call.ts";

/** The plugin that begins an auxiliary chain. It changes nothing, so where it is not installed it needs no process. */
const PASSTHRU = "passthru";

/**
 * Does `work` for each delegate, the default network's first; where the conf asks for it, for all others at the same time.
 * Throws what went wrong with the first of them that failed, by their order, when all that was begun has ended.
 */
export async function inOrder(
  delegates: Delegate[],
  order: Call["settings"]["attach"],
  work: (delegate: Delegate) => Promise<void>,
): Promise<void> {
  if (order === "sequential") {
    for (const delegate of delegates) await work(delegate);
    return;
  }
  const [first, ...others] = delegates;
  if (first) await work(first);
  const outcomes = await Promise.allSettled(others.map(work));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

/** ADD through the chain; the last plugin's result, as text. */
export async function addDelegate(call: Call, delegate: Delegate): Promise<string> {
  let result: string | undefined;
  for (const plugin of delegate.plugins.keys()) {
    result = await execute(call, "ADD", delegate, plugin, { prevResult: result });
  }
  if (result === undefined) throw new Fault(Code.internal, `network ${delegate.network} gave no result`);
  return result;
}

/** DEL through the chain, last plugin first. The first failure ends it, as libcni has it; a later DEL repeats all. */
export async function delDelegate(call: Call, delegate: Delegate): Promise<void> {
  for (const plugin of [...delegate.plugins.keys()].reverse()) {
    await execute(call, "DEL", delegate, plugin, { prevResult: delegate.result });
  }
}

/** CHECK through the chain, against the cached result. */
export async function checkDelegate(call: Call, delegate: Delegate): Promise<void> {
  for (const plugin of delegate.plugins.keys()) {
    await execute(call, "CHECK", delegate, plugin, { prevResult: delegate.result });
  }
}

/** STATUS of every plugin. */
export async function statusDelegate(call: Call, delegate: Delegate): Promise<void> {
  for (const plugin of delegate.plugins.keys()) {
    await execute(call, "STATUS", delegate, plugin, {});
  }
}

/** GC of every plugin, going on past failures, which are returned. */
export async function gcDelegate(call: Call, delegate: Delegate, validAttachments: string): Promise<Fault[]> {
  const faults: Fault[] = [];
  for (const plugin of delegate.plugins.keys()) {
    try {
      await execute(call, "GC", delegate, plugin, { validAttachments });
    } catch (error) {
      faults.push(Fault.of(error));
    }
  }
  return faults;
}

/** Throws where an executable of `delegates` is nowhere to be found, so that nothing is begun that cannot be done. */
export async function requirePlugins(
  call: Call,
  delegates: Delegate[],
  code: number = Code.invalidNetworkConfig,
): Promise<void> {
  for (const delegate of delegates) {
    for (const name of delegate.plugins) {
      if (name === PASSTHRU || sriov.names.includes(name)) continue;
      if ((await find(call, name)) === undefined) throw notFound(call, delegate, name, code);
    }
  }
}

async function execute(
  call: Call,
  verb: string,
  delegate: Delegate,
  plugin: number,
  given: { prevResult?: string | undefined; validAttachments?: string },
): Promise<string | undefined> {
  const { core, host, log, pluginDirs, runtime, settings } = call;
  const invocation = core.invoke({ verb, plugin, delegate, runtime, ...given });
  const path = await find(call, invocation.plugin);
  if (sriov.names.includes(invocation.plugin)) {
    const pluginCall = pluginCallOf(call, verb, delegate, invocation);
    if (path === undefined || (await sriov.replaces(invocation.plugin, pluginCall))) {
      log.write(
        "debug",
        `${verb} ${delegate.name} ${delegate.ifname}: built-in ${invocation.plugin} ${invocation.stdin}`,
      );
      return sriov.run(pluginCall);
    }
  }
  if (path === undefined) {
    if (invocation.plugin === PASSTHRU)
      return verb === "ADD" ? (given.prevResult ?? emptyResult(delegate)) : undefined;
    throw notFound(call, delegate, invocation.plugin, Code.invalidNetworkConfig);
  }
  log.write("debug", `${verb} ${delegate.name} ${delegate.ifname}: ${path} ${invocation.stdin}`);
  const { exitCode, stdout, stderr } = await host.execute(path, {
    env: { ...call.env, ...invocation.env, CNI_PATH: pluginDirs.join(":") },
    stdin: invocation.stdin,
    timeout: settings.delegateTimeoutSeconds * 1000,
  });
  log.write("debug", `${verb} ${delegate.name} ${delegate.ifname}: exit ${exitCode}, ${stdout} ${stderr}`);
  return core.outcome({
    plugin: invocation.plugin,
    cniVersion: delegate.cniVersion,
    exitCode,
    stdout,
    stderr,
    expectsResult: verb === "ADD",
  });
}

function pluginCallOf(
  { core, env, host, log, pluginDirs, settings }: Call,
  verb: string,
  { deviceInfoFile }: Delegate,
  invocation: Invocation,
): PluginCall {
  const variables = { ...env, ...invocation.env, CNI_PATH: pluginDirs.join(":") };
  return {
    parameters: { ...parametersOf(variables), verb },
    stdin: invocation.stdin,
    env: variables,
    pluginDirs,
    cniDir: settings.cniDir,
    deviceInfoFile,
    timeoutMs: settings.delegateTimeoutSeconds * 1000,
    core,
    host,
    clock: systemClock,
    log: (message) => log.write("error", message),
  };
}

function find({ host, pluginDirs }: Call, name: string): Promise<string | undefined> {
  return host.find(name, pluginDirs);
}

function notFound({ pluginDirs }: Call, delegate: Delegate, name: string, code: number): Fault {
  return new Fault(
    code,
    `network ${delegate.name}: there is no plugin ${JSON.stringify(name)} in ${pluginDirs.join(", ")}; ` +
      "install it there, or correct `type`",
  );
}

function emptyResult({ cniVersion }: Delegate): string {
  return JSON.stringify({ cniVersion: cniVersion === "" ? "0.1.0" : cniVersion });
}
