// One delegate, for one verb: its plugins executed in their order.
// Source: CNI spec 1.1.0, section 3 "Lifecycle & Ordering".

import type { Delegate, Invocation, Verb } from "../../packages/core/index.ts";
import type { BuiltIn, PluginCall } from "../cni/builtin.ts";
import { parametersOf } from "../cni/parameters.ts";
import { Code, Fault } from "../fault.ts";
import { type Execution, LeftToNode, META_PLUGINS } from "../host/host.ts";
import type { Call } from "./call.ts";
import { withCauses } from "./causes.ts";
import type { Trouble } from "./undeletable.ts";

/**
 * Does `work` for each delegate, the default network's first; if the conf asks for it, for all others at the same time.
 * Throws the error of the first of them that failed, by their order, when all that was begun has ended.
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

/**
 * DEL through the chain, last plugin first. Goes on past a plugin that fails, so that the others release what they have;
 * returns the failures, each with its `Trouble` as cause.
 */
export async function delDelegate(call: Call, delegate: Delegate): Promise<Fault[]> {
  const faults: Fault[] = [];
  for (const plugin of [...delegate.plugins.keys()].reverse()) {
    try {
      await execute(call, "DEL", delegate, plugin, { prevResult: delegate.result });
    } catch (error) {
      faults.push(Fault.of(error));
    }
  }
  return faults;
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

/** Throws if a plugin of `delegates` is nowhere to be found, so that nothing is begun that cannot be done. */
export async function requirePlugins(
  call: Call,
  delegates: Delegate[],
  code: number = Code.invalidNetworkConfig,
): Promise<void> {
  for (const delegate of delegates) {
    for (const name of delegate.plugins) {
      if (builtIn(call, name) || (await find(call, name)) !== undefined) continue;
      throw await withCauses(call, delegate, notFound(call, name, code).during(`network ${delegate.name}`));
    }
  }
}

/** What one execution is given beside the conf. */
interface Given {
  prevResult?: string | undefined;
  validAttachments?: string;
}

async function execute(
  call: Call,
  verb: Verb,
  delegate: Delegate,
  plugin: number,
  given: Given,
): Promise<string | undefined> {
  let hasFailed = true;
  try {
    const result = await executePlugin(call, verb, delegate, plugin, given);
    hasFailed = false;
    return result;
  } finally {
    call.witness?.executed({ verb, network: delegate.name, ifname: delegate.ifname, hasFailed });
  }
}

async function executePlugin(
  call: Call,
  verb: Verb,
  delegate: Delegate,
  plugin: number,
  given: Given,
): Promise<string | undefined> {
  const { core, log, runtime } = call;
  const invocation = await blaming("refused conf", async () =>
    core.invoke({ verb, plugin, delegate, runtime, ...given }),
  );
  const what = `${verb} ${delegate.name} ${delegate.ifname}`;
  const failing = (work: () => Promise<string | undefined>) =>
    blaming("plugin's error", () => naming(delegate, invocation.plugin, work));
  const path = await find(call, invocation.plugin);
  const ours = builtIn(call, invocation.plugin);
  if (ours) {
    const request = pluginCall(call, invocation, delegate, given.prevResult);
    if (path === undefined || (await ours.replaces(invocation.plugin, request))) {
      log.write("debug", `${what}: built-in ${invocation.plugin} ${invocation.stdin}`);
      return failing(() => ours.run(request));
    }
  }
  if (path === undefined) throw notFound(call, invocation.plugin, Code.invalidNetworkConfig);
  log.write("debug", `${what}: ${path} ${invocation.stdin}`);
  const { exitCode, stdout, stderr } = await answerOf(call, path, invocation);
  log.write("debug", `${what}: exit ${exitCode}, ${stdout} ${stderr}`);
  return failing(async () =>
    core.outcome({
      plugin: invocation.plugin,
      cniVersion: delegate.cniVersion,
      exitCode,
      stdout,
      stderr,
      expectsResult: verb === "ADD",
    }),
  );
}

function answerOf(call: Call, path: string, invocation: Invocation): Promise<Execution> {
  const { host, settings } = call;
  const options = {
    env: environment(call, invocation),
    stdin: invocation.stdin,
    timeout: settings.delegateTimeoutSeconds * 1000,
  };
  return blaming("no answer", () => host.execute(path, options));
}

/** Puts the plugin in front of its error, which seldom says whose it is; one that is alone is known by its network. */
async function naming<T>({ plugins }: Delegate, plugin: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const fault = Fault.of(error);
    // The core's own words of a plugin have its name.
    if (plugins.length < 2 || fault.message.includes(`plugin ${JSON.stringify(plugin)}`)) throw fault;
    throw fault.during(`plugin ${plugin}`);
  }
}

/**
 * Gives a failure its cause, unless it has one: the host has not executed the plugin then. One that a plugin itself calls passing is
 * like no answer, and one of the shim's a refused conf.
 */
async function blaming<T>(trouble: Trouble, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, message, reason, cause = trouble } = Fault.of(error);
    const known = error instanceof LeftToNode ? "refused conf" : cause;
    throw new Fault(code, message, reason, code === Code.tryAgainLater ? "no answer" : known);
  }
}

function builtIn({ builtIns }: Call, type: string): BuiltIn | undefined {
  return builtIns.find(({ names }) => names.includes(type));
}

function pluginCall(
  call: Call,
  invocation: Invocation,
  { deviceInfoFile }: Delegate,
  prevResult: string | undefined,
): PluginCall {
  const { aside, clock, core, host, log, pluginDirs, settings } = call;
  const env = environment(call, invocation);
  return {
    parameters: parametersOf(env),
    stdin: invocation.stdin,
    prevResult,
    env,
    pluginDirs,
    cniDir: settings.cniDir,
    deviceInfoFile,
    timeoutMs: settings.delegateTimeoutSeconds * 1000,
    core,
    host,
    clock,
    aside,
    log: (message) => log.write("error", message),
  };
}

/** The environment of a plugin: the runtime's, with the parameters that are the attachment's own. */
function environment({ env, pluginDirs }: Call, invocation: Invocation): Record<string, string> {
  return { ...env, ...invocation.env, CNI_PATH: pluginDirs.join(":") };
}

async function find({ host, pluginDirs }: Call, name: string): Promise<string | undefined> {
  if (!META_PLUGINS.includes(name)) return host.find(name, pluginDirs);
  throw new Fault(
    Code.invalidNetworkConfig,
    `cannot execute ${name} as a delegate: a conf that names it would lead back to Plexus; name the conf of the network ` +
      "itself, not the runtime's conf of the meta-plugin",
    undefined,
    "refused conf" satisfies Trouble,
  );
}

function notFound({ pluginDirs }: Call, name: string, code: number): Fault {
  return new Fault(
    code,
    `there is no plugin ${JSON.stringify(name)} in ${pluginDirs.join(", ")}; ` +
      "install it there, executable, or correct `type`",
    undefined,
    "missing plugin" satisfies Trouble,
  );
}
