// A call of the CNI protocol: environment and stdin in, one document out.
// Source: CNI spec 1.1.0, section 2 "Execution Protocol".

import type { Core, Settings } from "../../packages/core/index.ts";
import type { Clock } from "../clock.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { BuiltIn } from "../cni/builtin.ts";
import { type Parameters, parametersOf } from "../cni/parameters.ts";
import { Code, Fault } from "../fault.ts";
import type { Host } from "../host/host.ts";
import { CallLog, type Log, openLog, type Say } from "../log/log.ts";
import { traceOf } from "../log/trace.ts";
import { visible } from "../log/visible.ts";
import { adviceFor } from "../remedies.ts";
import { State } from "../state/state.ts";
import { add } from "./add.ts";
import type { Call, Outbox, Witness } from "./call.ts";
import { check } from "./check.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { withPluginLimit } from "./pluginlimit.ts";
import { rehearse } from "./rehearsal.ts";
import { status } from "./status.ts";

/** What calls are carried out with. */
export interface Ports {
  core: Core;
  clock: Clock;
  builtIns: readonly BuiltIn[];
  host(settings: Settings): Host;
  /** Takes lines of the log for the runtime, which keeps a plugin's stderr. */
  stderr: Say;
  /** The cluster that a conf is for. */
  cluster(settings: Settings, env: NodeJS.ProcessEnv, log: Log): Cluster | undefined;
  /** As a Call has them; if there is no other call, and the process ends with this one, there are none. */
  aside?: Call["aside"];
  together?: Call["together"];
  recently?: Call["recently"];
  outbox?: Outbox;
  witness?: Witness;
  linter?: Call["linter"];
  /** Seconds after which a plugin is ended, whatever the conf says. Absent if there is a runtime that ends the call. */
  longestPlugin?: number;
}

export interface Answer {
  exitCode: number;
  stdout: string;
  /** Why it failed. */
  fault?: Fault;
}

/** What each verb does; a text it returns goes to stdout. */
const VERBS = new Map<string, Work>([
  ["ADD", add],
  ["DEL", del],
  ["CHECK", check],
  ["STATUS", status],
  ["GC", gc],
]);

/** What is done in the place of a verb. */
export type Work = (call: Call) => Promise<unknown>;

/**
 * Carries out one call. Never throws: a failure is an answer too.
 *
 * @param instead what is done, if it is not what the verb says
 */
export async function carryOut(
  ports: Ports,
  env: NodeJS.ProcessEnv,
  stdin: Uint8Array,
  instead?: Work,
): Promise<Answer> {
  let settings: Settings | undefined;
  try {
    settings = ports.core.netconf(stdin);
    if (ports.longestPlugin !== undefined) settings = withPluginLimit(settings, ports.longestPlugin);
    const parameters = parametersOf(env);
    const verb = instead ?? requireVerb(ports.core, parameters, settings);
    const host = ports.host(settings);
    const log = await openLog(settings, host, ports.stderr, traceOf(env));
    const result = await carryOutVerb(verb, openCall(ports, { settings, parameters, env, host, log }), log);
    return { exitCode: 0, stdout: typeof result === "string" ? `${result}\n` : "" };
  } catch (error) {
    return failed(error, settings?.cniVersion ?? versionIn(stdin));
  }
}

/** More is none, and nothing to repeat. */
const LONGEST_VERSION = 16;
/** Characters of a message: a plugin's may have four million, each of which may take ten in the answer. */
const MAX_MESSAGE = 1 << 20;

/** Reads the version of a conf that cannot be used: the answer is of that one all the same. */
export function versionIn(stdin: Uint8Array): string | undefined {
  try {
    const { cniVersion } = JSON.parse(Buffer.from(stdin).toString()) as { cniVersion?: unknown };
    const isOne = typeof cniVersion === "string" && cniVersion.length <= LONGEST_VERSION;
    return isOne ? cniVersion : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Rehearses the ADD of a conf that no runtime has yet: attach/rehearsal.ts. Throws a Fault with what is wrong.
 *
 * @param env of the call that the runtime would make
 */
export async function rehearsed(ports: Ports, env: NodeJS.ProcessEnv, conf: string): Promise<string[]> {
  const settings = ports.core.netconf(Buffer.from(conf));
  const host = ports.host(settings);
  const log = new CallLog({ ...settings, logToStderr: false }, undefined, ports.stderr);
  return rehearse(openCall(ports, { settings, parameters: parametersOf(env), env, host, log }));
}

/** An answer to a conf without a version is one of the oldest, as libcni has it. */
export function failed(error: unknown, cniVersion: string | undefined): Answer {
  const fault = advised(error);
  const { code, message } = fault;
  const msg = visible(message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message);
  const answer = { cniVersion: cniVersion || "0.1.0", code, msg };
  return { exitCode: 1, stdout: `${JSON.stringify(answer)}\n`, fault };
}

/** Both the answer and the log say what to do about an error of the system. */
function advised(error: unknown): Fault {
  const fault = Fault.of(error);
  return fault.followedBy(adviceFor(fault.message));
}

function requireVerb(core: Core, { verb, containerId, netns, ifname, path }: Parameters, settings: Settings) {
  core.environment({
    CNI_COMMAND: verb,
    CNI_CONTAINERID: containerId,
    CNI_NETNS: netns,
    CNI_IFNAME: ifname,
    CNI_PATH: path,
    cniVersion: settings.cniVersion,
  });
  const known = VERBS.get(verb);
  if (known) return known;
  throw new Fault(
    Code.invalidEnvironment,
    `cannot carry out CNI_COMMAND ${JSON.stringify(verb)}: it is none of ${[...VERBS.keys()].join(", ")}`,
  );
}

async function carryOutVerb(verb: Work, call: Call, log: CallLog) {
  try {
    return await verb(call);
  } catch (error) {
    log.fail(advised(error).message);
    throw error;
  } finally {
    await log.end();
  }
}

interface Opened {
  settings: Settings;
  parameters: Parameters;
  env: NodeJS.ProcessEnv;
  host: Host;
  log: CallLog;
}

function openCall(ports: Ports, { settings, parameters, env, host, log }: Opened): Call {
  const { containerId, netns, ifname, args, path } = parameters;
  const { binDir, cniDir } = settings;
  return {
    core: ports.core,
    clock: ports.clock,
    builtIns: ports.builtIns,
    aside: ports.aside ?? ((wait) => wait()),
    together: ports.together ?? ((_question, look) => look()),
    recently: ports.recently ?? ((_question, ask) => ask()),
    outbox: ports.outbox,
    witness: ports.witness,
    linter: ports.linter,
    settings,
    host,
    cluster: ports.cluster(settings, env, log),
    state: new State(host, cniDir),
    log,
    runtime: { containerId, netns, ifname, args, network: settings.name },
    env: env as Record<string, string>,
    pluginDirs: [binDir, ...path.split(":").filter((dir) => dir !== binDir)],
  };
}
