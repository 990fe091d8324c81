// A call of the CNI protocol: environment and stdin in, one document out.
// Source: CNI spec 1.1.0, section 2 "Execution Protocol".
import type { Cluster } from "../cluster/cluster.ts";
import type { Core, Settings } from "../core/index.ts";
import { Fault } from "../fault.ts";
import type { Host } from "../host/host.ts";
import { type Log, openLog } from "../log/log.ts";
import { State } from "../state/state.ts";
import { add } from "./add.ts";
import type { Call } from "./call.ts";
import { check } from "./check.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { status } from "./status.ts";

/** What calls are carried out with. */
export interface Means {
  core: Core;
  host(settings: Settings): Host;
  /** Takes lines of the log for the runtime, which keeps a plugin's stderr. */
  stderr(line: string): void;
  /** The cluster that a conf is for. */
  cluster(settings: Settings, env: NodeJS.ProcessEnv, log: Log): Cluster | undefined;
}

export interface Answer {
  exitCode: number;
  stdout: string;
  /** Unless it was the conf that was wrong. */
  settings?: Settings;
}

/** What each verb does; a text it returns goes to stdout. */
const VERBS: Record<string, (call: Call) => Promise<unknown>> = {
  ADD: add,
  DEL: del,
  CHECK: check,
  STATUS: status,
  GC: gc,
};

/** Carries out one call. Never throws: a failure is an answer too. */
export async function carryOut(means: Means, env: NodeJS.ProcessEnv, stdin: Uint8Array): Promise<Answer> {
  let settings: Settings | undefined;
  try {
    settings = means.core.netconf(stdin);
    const call = await openCall(means, settings, env);
    try {
      const result = await VERBS[env.CNI_COMMAND ?? ""]?.(call);
      return { exitCode: 0, stdout: typeof result === "string" ? `${result}\n` : "", settings };
    } catch (error) {
      const fault = Fault.of(error);
      call.log.write("error", fault.message);
      throw fault;
    }
  } catch (error) {
    return { ...failed(error, settings?.cniVersion), ...(settings ? { settings } : {}) };
  }
}

/** An answer to a conf without a version is one of the oldest, as libcni has it. */
export function failed(error: unknown, cniVersion: string | undefined): Answer {
  const { code, message } = Fault.of(error);
  const answer = { cniVersion: cniVersion || "0.1.0", code, msg: message };
  return { exitCode: 1, stdout: `${JSON.stringify(answer)}\n` };
}

async function openCall(
  { core, host, stderr, cluster }: Means,
  settings: Settings,
  env: NodeJS.ProcessEnv,
): Promise<Call> {
  const variables = {
    CNI_COMMAND: env.CNI_COMMAND ?? "",
    CNI_CONTAINERID: env.CNI_CONTAINERID ?? "",
    CNI_NETNS: env.CNI_NETNS ?? "",
    CNI_IFNAME: env.CNI_IFNAME ?? "",
    CNI_PATH: env.CNI_PATH ?? "",
  };
  core.environment({ ...variables, cniVersion: settings.cniVersion });
  const log = await openLog(settings, stderr);
  const here = host(settings);
  return {
    core,
    settings,
    host: here,
    cluster: cluster(settings, env, log),
    state: new State(here, settings.cniDir),
    log,
    runtime: {
      containerId: variables.CNI_CONTAINERID,
      netns: variables.CNI_NETNS,
      ifname: variables.CNI_IFNAME,
      args: env.CNI_ARGS ?? "",
    },
    env: env as Record<string, string>,
    pluginDirs: [settings.binDir, ...variables.CNI_PATH.split(":").filter((dir) => dir !== settings.binDir)],
  };
}
